import { useState, type SyntheticEvent } from "react";
import { Link, useLocation, useNavigate, useSearchParams } from "react-router";
import { page } from "../api/urls";
import { authClient } from "../auth/client";
import { nextPath } from "../auth/next-path";
import { ProviderButtons } from "../auth/ProviderButtons";
import { describeProviderError } from "../auth/provider-errors";
import { useAuthCall } from "../auth/use-auth-call";
import { useAuthTrouble } from "../auth/use-user";
import { AuthProblem } from "../components/AuthProblem";
import { AuthUnavailableNotice } from "../components/AuthUnavailable";
import { Field } from "../components/Field";
import { useTitle } from "../lib/hooks";
import { isObject, stringMember } from "../lib/json";

/** What other pages have to say to someone they send here. */
const NOTICES: Record<string, string> = {
  "password-reset": "Your new password is set. Sign in with it.",
  "signed-out-everywhere": "You are signed out on all devices.",
};

export function SignInPage() {
  useTitle("Sign in");
  const navigate = useNavigate();
  const { state } = useLocation() as { state: unknown };
  const [search] = useSearchParams();
  const next = nextPath(search);
  const refusedBy = search.get("error");
  const notice = isObject(state) ? (NOTICES[stringMember(state, "notice") ?? ""] ?? null) : null;
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const { sending, error, run } = useAuthCall();
  const { refetch } = authClient.useSession();
  const trouble = useAuthTrouble();

  const signIn = async () => {
    const settled = await run(() => authClient.signIn.email({ email, password }));
    if (!settled.ok) return;
    // The next page is to find the new session, not to ask for signing in.
    await refetch();
    await navigate(next, { replace: true });
  };
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    void signIn();
  };

  return (
    <form className="card form" onSubmit={submit}>
      <h1>Sign in</h1>
      <AuthUnavailableNotice {...trouble} />
      {notice !== null && (
        <p className="notice success" role="status">
          {notice}
        </p>
      )}
      {refusedBy !== null && error === null && (
        <p className="notice danger" role="alert" data-testid="provider-error" data-code={refusedBy}>
          {describeProviderError(refusedBy)}
        </p>
      )}
      <AuthProblem error={error} testId="sign-in-error" onRetry={() => void signIn()} />
      <Field
        label="E-mail"
        name="email"
        type="email"
        autoComplete="username"
        required
        value={email}
        onChange={(event) => setEmail(event.target.value.trim())}
      />
      <Field
        label="Password"
        name="password"
        type="password"
        autoComplete="current-password"
        required
        value={password}
        onChange={(event) => setPassword(event.target.value)}
      />
      <button type="submit" className="button primary wide" disabled={sending}>
        {sending ? "Signing in…" : "Sign in"}
      </button>
      <p className="form-foot">
        <Link to={page.forgotPassword} state={{ email }}>
          Forgot your password?
        </Link>
      </p>
      <ProviderButtons next={next} onErrorTo="/sign-in" />
      <p className="form-foot">
        New here? <Link to={page.signUp(next)}>Create an account</Link>
      </p>
    </form>
  );
}
