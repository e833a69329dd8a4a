import { useId, type InputHTMLAttributes, type ReactNode } from "react";

interface FieldProps extends InputHTMLAttributes<HTMLInputElement> {
  label: string;
  error?: string | null;
  /** Further help under the input, such as a checklist. */
  children?: ReactNode;
}

export function Field({ label, error = null, children, ...input }: FieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <input {...input} id={id} aria-invalid={error !== null} aria-describedby={`${id}-error ${id}-help`} />
      <p className="field-error" id={`${id}-error`} aria-live="polite">
        {error}
      </p>
      {children && (
        <div className="field-help" id={`${id}-help`}>
          {children}
        </div>
      )}
    </div>
  );
}
