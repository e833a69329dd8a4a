import { useId, type TextareaHTMLAttributes, type ReactNode } from "react";

interface TextAreaProps extends TextareaHTMLAttributes<HTMLTextAreaElement> {
  label: string;
  error?: string | null;
  children?: ReactNode;
}

/** As `Field`, of several lines. */
export function TextArea({ label, error = null, children, ...area }: TextAreaProps) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <textarea {...area} id={id} aria-invalid={error !== null} aria-describedby={`${id}-error ${id}-help`} />
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
