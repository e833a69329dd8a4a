import { useId } from "react";
import { Choice } from "./Choice";

interface ChoicesProps {
  legend: string;
  /** Value and label. */
  options: readonly (readonly [string, string])[];
  chosen: readonly string[];
  error?: string | null;
  /** What choosing means, and choosing none. */
  help?: string;
  onChange: (chosen: string[]) => void;
}

/** Any number of a few values, kept in the order in which they are offered. */
export function Choices({ legend, options, chosen, error = null, help, onChange }: ChoicesProps) {
  const id = useId();
  const toggle = (value: string) => {
    const isChosen = (option: string) => chosen.includes(option) !== (option === value);
    onChange(options.map(([option]) => option).filter(isChosen));
  };
  return (
    <fieldset className="choices compact" aria-describedby={`${id}-error ${id}-help`}>
      <legend>{legend}</legend>
      {options.map(([value, label]) => (
        <Choice
          key={value}
          label={label}
          checked={chosen.includes(value)}
          aria-invalid={error !== null}
          onChange={() => toggle(value)}
        />
      ))}
      <p className="field-error" id={`${id}-error`} aria-live="polite">
        {error}
      </p>
      {help && (
        <p className="meta" id={`${id}-help`}>
          {help}
        </p>
      )}
    </fieldset>
  );
}
