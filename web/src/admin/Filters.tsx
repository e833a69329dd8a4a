import { useId, useState } from "react";

export interface FilterField {
  name: string;
  label: string;
  type?: "text" | "date" | "search";
  /** What can be chosen, in place of typing: value and label. */
  options?: readonly (readonly [string, string])[];
}

/** Takes effect when applied, not with every key: each change is a request. */
export function Filters({ fields, onApply }: { fields: FilterField[]; onApply: (values: Record<string, string>) => void }) {
  const [values, setValues] = useState<Record<string, string>>({});
  const id = useId();
  return (
    <form
      className="filters"
      onSubmit={(event) => {
        event.preventDefault();
        onApply(values);
      }}
    >
      {fields.map((field) => (
        <div key={field.name}>
          <label htmlFor={`${id}-${field.name}`}>{field.label}</label>
          <FilterInput
            id={`${id}-${field.name}`}
            field={field}
            value={values[field.name] ?? ""}
            onChange={(value) => setValues({ ...values, [field.name]: value.trim() })}
          />
        </div>
      ))}
      <button type="submit" className="button small">
        Apply
      </button>
    </form>
  );
}

interface FilterInputProps {
  id: string;
  field: FilterField;
  value: string;
  onChange: (value: string) => void;
}

function FilterInput({ id, field: { type = "text", options }, value, onChange }: FilterInputProps) {
  if (options === undefined) {
    return <input id={id} type={type} value={value} onChange={(event) => onChange(event.target.value)} />;
  }
  return (
    <select id={id} value={value} onChange={(event) => onChange(event.target.value)}>
      {options.map(([option, label]) => (
        <option key={option} value={option}>
          {label}
        </option>
      ))}
    </select>
  );
}
