import { Field } from "../components/Field";
import { describeAuthError, type AuthError } from "./errors";
import { describeRules, missingRules } from "./password";
import { PasswordRules } from "./PasswordRules";

interface NewPasswordFieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  /** Whether the form was tried: what is missing is an error from then on. */
  submitted: boolean;
  error: AuthError | null;
}

export function NewPasswordField({ label, value, onChange, submitted, error }: NewPasswordFieldProps) {
  const missing = missingRules(value);
  const problem = () => {
    if (isAboutNewPassword(error)) return describeAuthError(error, new Date());
    return submitted && missing.length > 0 ? `The password still needs ${describeRules(missing)}.` : null;
  };
  return (
    <Field
      label={label}
      name="new-password"
      type="password"
      autoComplete="new-password"
      value={value}
      maxLength={128}
      error={problem()}
      onChange={(event) => onChange(event.target.value)}
    >
      <PasswordRules missing={missing} />
    </Field>
  );
}

/** Whether the field says the error, so that the form need not. */
export function isAboutNewPassword(
  error: AuthError | null,
): error is Extract<AuthError, { kind: "weak-password" | "compromised-password" }> {
  return error?.kind === "weak-password" || error?.kind === "compromised-password";
}
