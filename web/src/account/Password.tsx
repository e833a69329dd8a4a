import { useState, type SyntheticEvent } from "react";
import { page } from "../api/urls";
import { authClient } from "../auth/client";
import { describeAuthError } from "../auth/errors";
import { isAboutNewPassword, NewPasswordField } from "../auth/NewPasswordField";
import { missingRules } from "../auth/password";
import { useAuthCall } from "../auth/use-auth-call";
import type { User } from "../auth/use-user";
import { AuthProblem } from "../components/AuthProblem";
import { Field } from "../components/Field";
import { Panel } from "../components/Panel";
import { focusInvalid } from "../lib/focus";

/** `known`: whether the account has a password, as far as that is known yet. */
export function Password({ user, known, onChanged }: { user: User; known: boolean | null; onChanged: () => void }) {
  return (
    <Panel title="Password" id="password">
      {known === false ? <FirstPassword email={user.email} /> : <ChangePassword user={user} onChanged={onChanged} />}
    </Panel>
  );
}

function ChangePassword({ user, onChanged }: { user: User; onChanged: () => void }) {
  const [current, setCurrent] = useState("");
  const [password, setPassword] = useState("");
  const [submitted, setSubmitted] = useState(false);
  const [done, setDone] = useState(false);
  const { sending, error, run } = useAuthCall();

  const change = async () => {
    setSubmitted(true);
    setDone(false);
    if (current === "" || missingRules(password).length > 0) return;
    const settled = await run(() =>
      authClient.changePassword({ currentPassword: current, newPassword: password, revokeOtherSessions: true }),
    );
    if (!settled.ok) return;
    setCurrent("");
    setPassword("");
    setSubmitted(false);
    setDone(true);
    onChanged();
  };
  const submit = (event: SyntheticEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    void change().then(() => focusInvalid(form));
  };
  const currentError = () => {
    if (error?.kind === "wrong-password") return describeAuthError(error, new Date());
    return submitted && current === "" ? "Enter your present password." : null;
  };

  return (
    <form className="fields" noValidate onSubmit={submit}>
      <p role="status" className={done ? "notice success" : undefined}>
        {done && "Your password is changed. All other devices are signed out."}
      </p>
      {!isAboutNewPassword(error) && error?.kind !== "wrong-password" && (
        <AuthProblem error={error} onRetry={() => void change()} />
      )}
      {/* Password managers look for it. */}
      <input type="email" name="username" autoComplete="username" value={user.email} readOnly hidden />
      <Field
        label="Present password"
        name="current-password"
        type="password"
        autoComplete="current-password"
        value={current}
        error={currentError()}
        onChange={(event) => setCurrent(event.target.value)}
      />
      <NewPasswordField label="New password" value={password} onChange={setPassword} submitted={submitted} error={error} />
      <div className="actions">
        <button type="submit" className="button primary" disabled={sending}>
          {sending ? "Changing…" : "Change the password"}
        </button>
        <span className="meta">Signs you out on all other devices.</span>
      </div>
    </form>
  );
}

function FirstPassword({ email }: { email: string }) {
  const [sent, setSent] = useState(false);
  const { sending, error, run } = useAuthCall();
  const send = async () => {
    const settled = await run(() => authClient.requestPasswordReset({ email, redirectTo: page.resetPassword }));
    setSent(settled.ok);
  };
  return (
    <div className="fields">
      <p>You sign in with another service, so this account has no password. To set one, follow a link in your mail.</p>
      <AuthProblem error={error} onRetry={() => void send()} />
      <div className="actions">
        <button type="button" className="button" disabled={sending || sent} onClick={() => void send()}>
          Send me a link
        </button>
        <span className="meta" role="status">
          {sent && `Sent to ${email}.`}
        </span>
      </div>
    </div>
  );
}
