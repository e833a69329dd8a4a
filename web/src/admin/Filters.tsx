import { useId, useState } from "react";

export interface FilterField {
  name: string;
  label: string;
  type?: "text" | "date";
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
      {fields.map(({ name, label, type = "text" }) => (
        <div key={name}>
          <label htmlFor={`${id}-${name}`}>{label}</label>
          <input
            id={`${id}-${name}`}
            type={type}
            value={values[name] ?? ""}
            onChange={(event) => setValues({ ...values, [name]: event.target.value.trim() })}
          />
        </div>
      ))}
      <button type="submit" className="button small">
        Apply
      </button>
    </form>
  );
}
