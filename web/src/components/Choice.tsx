import { useId, type InputHTMLAttributes, type ReactNode } from "react";

interface ChoiceProps extends InputHTMLAttributes<HTMLInputElement> {
  label: string;
  /** What choosing it means. */
  children?: ReactNode;
}

export function Choice({ label, children, ...input }: ChoiceProps) {
  const id = useId();
  return (
    <div className="choice">
      <input type="checkbox" {...input} id={id} aria-describedby={children ? `${id}-help` : undefined} />
      <div>
        <label htmlFor={id}>{label}</label>
        {children && (
          <p className="meta" id={`${id}-help`}>
            {children}
          </p>
        )}
      </div>
    </div>
  );
}
