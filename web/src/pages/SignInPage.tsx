import { useState, type SyntheticEvent } from "react";
import { Link, useNavigate, useSearchParams } from "react-router";
import { authClient } from "../auth/client";
import { describeAuthError, parseAuthError, type AuthError } from "../auth/errors";
import { nextPath } from "../auth/next-path";
import { page } from "../api/urls";
import { Field } from "../components/Field";
import { useNow, useTitle } from "../lib/hooks";

export function SignInPage() {
  useTitle("Sign in");
  const navigate = useNavigate();
  const [search] = useSearchParams();
  const next = nextPath(search);
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [sending, setSending] = useState(false);
  const [error, setError] = useState<AuthError | null>(null);
  const now = useNow(15_000, error?.kind === "locked");

  const submit = async (event: SyntheticEvent) => {
    event.preventDefault();
    setSending(true);
    setError(null);
    const answer = await authClient.signIn.email({ email, password });
    setSending(false);
    if (answer.error) setError(parseAuthError(answer.error));
    else await navigate(next, { replace: true });
  };

  return (
    <form className="card form" onSubmit={(event) => void submit(event)}>
      <h1>Sign in</h1>
      {error !== null && (
        <p className="notice danger" role="alert" data-testid="sign-in-error" data-kind={error.kind}>
          {describeAuthError(error, now)}
        </p>
      )}
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
        New here? <Link to={page.signUp(next)}>Create an account</Link>
      </p>
    </form>
  );
}
