import { useState, type SyntheticEvent } from "react";
import { Link, useNavigate, useSearchParams } from "react-router";
import { authClient } from "../auth/client";
import { describeAuthError, parseAuthError, type AuthError } from "../auth/errors";
import { describeRules, missingRules } from "../auth/password";
import { PasswordRules } from "../auth/PasswordRules";
import { page } from "../api/urls";
import { nextPath } from "../auth/next-path";
import { Field } from "../components/Field";
import { useTitle } from "../lib/hooks";

export function SignUpPage() {
  useTitle("Create an account");
  const navigate = useNavigate();
  const [search] = useSearchParams();
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [submitted, setSubmitted] = useState(false);
  const [sending, setSending] = useState(false);
  const [error, setError] = useState<AuthError | null>(null);
  const missing = missingRules(password);

  const submit = async (event: SyntheticEvent) => {
    event.preventDefault();
    setSubmitted(true);
    setError(null);
    if (name.trim() === "" || email === "" || missing.length > 0) return;
    setSending(true);
    const answer = await authClient.signUp.email({ name: name.trim(), email, password, callbackURL: "/verified" });
    setSending(false);
    if (answer.error) setError(parseAuthError(answer.error));
    else await navigate("/check-mail", { state: { email } });
  };

  const emailError = () => {
    if (submitted && email === "") return "Enter your e-mail address.";
    return error?.kind === "email-taken" || error?.kind === "invalid-email" ? describeAuthError(error, new Date()) : null;
  };
  const passwordError = () => {
    if (error?.kind === "weak-password") return describeAuthError(error, new Date());
    return submitted && missing.length > 0 ? `The password still needs ${describeRules(missing)}.` : null;
  };
  const general = error !== null && emailError() === null && passwordError() === null;

  return (
    <form className="card form" noValidate onSubmit={(event) => void submit(event)}>
      <h1>Create an account</h1>
      {general && (
        <p className="notice danger" role="alert">
          {describeAuthError(error, new Date())}
        </p>
      )}
      <Field
        label="Name"
        name="name"
        autoComplete="name"
        value={name}
        maxLength={200}
        error={submitted && name.trim() === "" ? "Enter your name." : null}
        onChange={(event) => setName(event.target.value)}
      />
      <Field
        label="E-mail"
        name="email"
        type="email"
        autoComplete="email"
        value={email}
        error={emailError()}
        onChange={(event) => setEmail(event.target.value.trim())}
      />
      <Field
        label="Password"
        name="password"
        type="password"
        autoComplete="new-password"
        value={password}
        maxLength={128}
        error={passwordError()}
        onChange={(event) => setPassword(event.target.value)}
      >
        <PasswordRules missing={missing} />
      </Field>
      <button type="submit" className="button primary wide" disabled={sending}>
        {sending ? "Creating the account…" : "Create the account"}
      </button>
      <p className="form-foot">
        Already registered? <Link to={page.signIn(nextPath(search))}>Sign in</Link>
      </p>
    </form>
  );
}
