import { useState, type SyntheticEvent } from "react";
import { Link, useLocation } from "react-router";
import { page } from "../api/urls";
import { authClient } from "../auth/client";
import { useAuthCall } from "../auth/use-auth-call";
import { AuthProblem } from "../components/AuthProblem";
import { Field } from "../components/Field";
import { Icon } from "../components/icons";
import { useFocusOnMount } from "../lib/focus";
import { useTitle } from "../lib/hooks";
import { isObject, stringMember } from "../lib/json";

export function ForgotPasswordPage() {
  useTitle("Forgot your password?");
  const { state } = useLocation() as { state: unknown };
  const [email, setEmail] = useState(() => (isObject(state) ? stringMember(state, "email") : null) ?? "");
  // The request of an application that signing in goes on with.
  const query = isObject(state) ? stringMember(state, "query") : null;
  const back = query === null ? "/sign-in" : page.signInFor(query);
  const [sentTo, setSentTo] = useState<string | null>(null);
  const { sending, error, run } = useAuthCall();

  const ask = async () => {
    const settled = await run(() => authClient.requestPasswordReset({ email, redirectTo: page.resetPassword }));
    if (settled.ok) setSentTo(email);
  };
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    void ask();
  };

  if (sentTo !== null) return <Sent email={sentTo} back={back} onAgain={() => setSentTo(null)} />;
  return (
    <form className="card form" onSubmit={submit}>
      <h1>Forgot your password?</h1>
      <p>Tell us the e-mail address of your account. We will send you a link to set a new password.</p>
      <AuthProblem error={error} onRetry={() => void ask()} />
      <Field
        label="E-mail"
        name="email"
        type="email"
        autoComplete="username"
        required
        value={email}
        onChange={(event) => setEmail(event.target.value.trim())}
      />
      <button type="submit" className="button primary wide" disabled={sending}>
        {sending ? "Sending…" : "Send me a link"}
      </button>
      <p className="form-foot">
        <Link to={back}>Back to signing in</Link>
      </p>
    </form>
  );
}

/** The same for every address: whether someone has an account here is nobody else's business. */
function Sent({ email, back, onAgain }: { email: string; back: string; onAgain: () => void }) {
  const heading = useFocusOnMount<HTMLHeadingElement>();
  return (
    <div className="card form" data-testid="reset-requested">
      <Icon name="mail" />
      <h1 ref={heading} tabIndex={-1}>Look into your mail</h1>
      <p>
        If there is an account for <strong>{email}</strong>, a link to set a new password is on its way. It is valid for one
        hour. Look into your spam folder, too.
      </p>
      <button type="button" className="button wide" onClick={onAgain}>
        Try another address
      </button>
      <p className="form-foot">
        <Link to={back}>Back to signing in</Link>
      </p>
    </div>
  );
}
