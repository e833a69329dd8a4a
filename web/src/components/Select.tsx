import { useId } from "react";

interface SelectProps {
  label: string;
  /** Value and label. */
  options: readonly (readonly [string, string])[];
  value: string;
  error?: string | null;
  onChange: (value: string) => void;
}

/** As `Field`, for one of a few values. */
export function Select({ label, options, value, error = null, onChange }: SelectProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <select
        id={id}
        value={value}
        aria-invalid={error !== null}
        aria-describedby={`${id}-error`}
        onChange={(event) => onChange(event.target.value)}
      >
        {options.map(([option, text]) => (
          <option key={option} value={option}>
            {text}
          </option>
        ))}
      </select>
      <p className="field-error" id={`${id}-error`} aria-live="polite">
        {error}
      </p>
    </div>
  );
}
