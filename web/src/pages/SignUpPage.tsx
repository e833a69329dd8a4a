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
import { DeadRequest, isDead } from "../oauth/DeadRequest";
import { ForApplication } from "../oauth/ForApplication";
import { hintedEmail, resumePath } from "../oauth/signed-query";
import { useLeaving } from "../oauth/use-leaving";
import { useApplication, useSignedQuery } from "../oauth/use-signed-query";

const ANOTHER = "A new account takes its place on this device.";

export function SignUpPage() {
  useTitle("Create an account");
  const navigate = useNavigate();
  const [search] = useSearchParams();
  const query = useSignedQuery();
  const application = useApplication(query);
  const next = query === null ? nextPath(search) : resumePath(query);
  const [name, setName] = useState("");
  const [email, setEmail] = useState(() => hintedEmail(query));
  const [password, setPassword] = useState("");
  const [submitted, setSubmitted] = useState(false);
  const { sending, error, run } = useAuthCall();
  const { leaving, leave } = useLeaving();
  const trouble = useAuthTrouble();

  const signUp = async () => {
    setSubmitted(true);
    if (name.trim() === "" || email === "" || missingRules(password).length > 0) return;
    const settled = await run(() => authClient.signUp.email({ name: name.trim(), email, password, callbackURL: "/verified" }));
    if (!settled.ok) return;
    if (query === null) await navigate("/check-mail", { state: { email } });
    else leave(next);
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

  if (application.status === "failed" && isDead(application.error)) return <DeadRequest error={application.error} />;
  const busy = sending || leaving === "yes";
  return (
    <form className="card form" noValidate onSubmit={submit}>
      <h1>Create an account</h1>
      {query !== null && <ForApplication application={application} note={busy ? null : ANOTHER} />}
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
      <button type="submit" className="button primary wide" disabled={busy}>
        {busy ? "Creating the account…" : "Create the account"}
      </button>
      <ProviderButtons next={next} onErrorTo={query === null ? "/sign-in" : page.signInFor(query)} />
      <p className="form-foot">
        Already registered? <Link to={query === null ? page.signIn(next) : page.signInFor(query)}>Sign in</Link>
      </p>
    </form>
  );
}
