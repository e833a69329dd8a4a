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
import { DeadRequest, isDead } from "../oauth/DeadRequest";
import { ForApplication } from "../oauth/ForApplication";
import { hintedEmail, reportedError, resumePath } from "../oauth/signed-query";
import { useLeaving } from "../oauth/use-leaving";
import { useApplication, useSignedQuery } from "../oauth/use-signed-query";

/** What other pages have to say to someone they send here. */
const NOTICES: Record<string, string> = {
  "password-reset": "Your new password is set. Sign in with it.",
  "signed-out-everywhere": "You are signed out on all devices.",
};

const AGAIN = "Sign in once more, as yourself or with another account.";

export function SignInPage() {
  useTitle("Sign in");
  const navigate = useNavigate();
  const { state, search } = useLocation() as { state: unknown; search: string };
  const [parameters] = useSearchParams();
  const query = useSignedQuery();
  const application = useApplication(query);
  const next = query === null ? nextPath(parameters) : resumePath(query);
  const refusedBy = reportedError(search);
  const notice = isObject(state) ? (NOTICES[stringMember(state, "notice") ?? ""] ?? null) : null;
  const [email, setEmail] = useState(() => hintedEmail(query));
  const [password, setPassword] = useState("");
  const { sending, error, run } = useAuthCall();
  const { refetch } = authClient.useSession();
  const { leaving, leave } = useLeaving();
  const trouble = useAuthTrouble();

  const signIn = async () => {
    const settled = await run(() => authClient.signIn.email({ email, password }));
    if (!settled.ok) return;
    if (query !== null) {
      leave(next);
      return;
    }
    // The next page is to find the new session, not to ask for signing in.
    await refetch();
    await navigate(next, { replace: true });
  };
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    void signIn();
  };

  if (application.status === "failed" && isDead(application.error)) return <DeadRequest error={application.error} />;
  const busy = sending || leaving === "yes";
  return (
    <form className="card form" onSubmit={submit}>
      <h1>Sign in</h1>
      {query !== null && <ForApplication application={application} note={busy ? null : AGAIN} />}
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
      <button type="submit" className="button primary wide" disabled={busy}>
        {busy ? "Signing in…" : "Sign in"}
      </button>
      <p className="form-foot">
        <Link to={page.forgotPassword} state={{ email, query }}>
          Forgot your password?
        </Link>
      </p>
      <ProviderButtons next={next} onErrorTo={query === null ? "/sign-in" : page.signInFor(query)} />
      <p className="form-foot">
        New here? <Link to={query === null ? page.signUp(next) : page.signUpFor(query)}>Create an account</Link>
      </p>
    </form>
  );
}
