import { useState, type SyntheticEvent } from "react";
import { Link, useNavigate, useSearchParams } from "react-router";
import { page } from "../api/urls";
import { authClient } from "../auth/client";
import { describeAuthError } from "../auth/errors";
import { isAboutNewPassword, NewPasswordField } from "../auth/NewPasswordField";
import { nextPath } from "../auth/next-path";
import { missingRules } from "../auth/password";
import { ProviderButtons } from "../auth/ProviderButtons";
import { useAuthCall } from "../auth/use-auth-call";
import { useAuthTrouble } from "../auth/use-user";
import { AuthProblem } from "../components/AuthProblem";
import { AuthUnavailableNotice } from "../components/AuthUnavailable";
import { Field } from "../components/Field";
import { focusInvalid } from "../lib/focus";
import { useTitle } from "../lib/hooks";

export function SignUpPage() {
  useTitle("Create an account");
  const navigate = useNavigate();
  const [search] = useSearchParams();
  const next = nextPath(search);
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [submitted, setSubmitted] = useState(false);
  const { sending, error, run } = useAuthCall();
  const trouble = useAuthTrouble();

  const signUp = async () => {
    setSubmitted(true);
    if (name.trim() === "" || email === "" || missingRules(password).length > 0) return;
    const settled = await run(() => authClient.signUp.email({ name: name.trim(), email, password, callbackURL: "/verified" }));
    if (settled.ok) await navigate("/check-mail", { state: { email } });
  };
  const submit = (event: SyntheticEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    void signUp().then(() => focusInvalid(form));
  };

  const emailError = () => {
    if (submitted && email === "") return "Enter your e-mail address.";
    return error?.kind === "email-taken" || error?.kind === "invalid-email" ? describeAuthError(error, new Date()) : null;
  };
  const general = emailError() === null && !isAboutNewPassword(error);

  return (
    <form className="card form" noValidate onSubmit={submit}>
      <h1>Create an account</h1>
      <AuthUnavailableNotice {...trouble} />
      {general && <AuthProblem error={error} onRetry={() => void signUp()} />}
      <Field
        label="Name"
        name="name"
        autoComplete="name"
        value={name}
        maxLength={100}
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
      <NewPasswordField label="Password" value={password} onChange={setPassword} submitted={submitted} error={error} />
      <button type="submit" className="button primary wide" disabled={sending}>
        {sending ? "Creating the account…" : "Create the account"}
      </button>
      <ProviderButtons next={next} onErrorTo="/sign-in" />
      <p className="form-foot">
        Already registered? <Link to={page.signIn(next)}>Sign in</Link>
      </p>
    </form>
  );
}
