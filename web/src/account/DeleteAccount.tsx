import { useState, type SyntheticEvent } from "react";
import { useNavigate } from "react-router";
import { page } from "../api/urls";
import { authClient } from "../auth/client";
import { describeAuthError } from "../auth/errors";
import { useAuthCall } from "../auth/use-auth-call";
import type { User } from "../auth/use-user";
import { AuthProblem } from "../components/AuthProblem";
import { Dialog } from "../components/Dialog";
import { Field } from "../components/Field";
import { Panel } from "../components/Panel";

const MAILED = "Verification email sent";

/** `hasPassword`: null while that is not known. */
export function DeleteAccount({ user, hasPassword }: { user: User; hasPassword: boolean | null }) {
  const [open, setOpen] = useState(false);
  return (
    <Panel title="Delete the account" id="delete">
      <p>
        Deleting erases you from this site: your name and e-mail address, your ways to sign in and all sessions. Your progress
        and your conversations with the tutor are left without an owner: nobody can open them, and nothing with them or in the
        logs says any more whose they were. It cannot be undone.
      </p>
      <div className="actions">
        <button type="button" className="button danger" onClick={() => setOpen(true)}>
          Delete my account…
        </button>
      </div>
      {open && <Confirm user={user} hasPassword={hasPassword ?? true} onClose={() => setOpen(false)} />}
    </Panel>
  );
}

function Confirm({ user, hasPassword, onClose }: { user: User; hasPassword: boolean; onClose: () => void }) {
  const navigate = useNavigate();
  const [password, setPassword] = useState("");
  const [mailed, setMailed] = useState(false);
  const { sending, error, run } = useAuthCall();

  const remove = async (proof: { password?: string }) => {
    const settled = await run(() => authClient.deleteUser({ ...proof, callbackURL: page.accountDeleted }));
    if (!settled.ok) return;
    if (settled.data.message === MAILED) setMailed(true);
    else await navigate(page.accountDeleted, { replace: true });
  };
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    void remove({ password });
  };

  if (mailed) {
    return (
      <Dialog key="mailed" title="Look into your mail" onClose={onClose}>
        <p role="status">
          We have sent a link to <strong>{user.email}</strong>. Your account is deleted when you follow it on this device within a
          day. If you do not, nothing happens.
        </p>
        <div className="actions">
          <button type="button" className="button primary" onClick={onClose}>
            Close
          </button>
        </div>
      </Dialog>
    );
  }
  const wrong = error?.kind === "wrong-password";
  return (
    <Dialog title="Delete your account for good?" onClose={onClose}>
      <form className="fields" onSubmit={submit}>
        <p>
          The account of <strong>{user.email}</strong> is erased at once, and the way to its progress and conversations with it.
          Nobody can bring it back, we cannot either.
        </p>
        {!wrong && <AuthProblem error={error} />}
        {hasPassword && (
          <Field
            label="Your password"
            name="current-password"
            type="password"
            autoComplete="current-password"
            required
            value={password}
            error={wrong ? describeAuthError(error, new Date()) : null}
            onChange={(event) => setPassword(event.target.value)}
          />
        )}
        <div className="actions">
          {hasPassword && (
            <button type="submit" className="button danger" disabled={sending}>
              {sending ? "Deleting…" : "Delete the account"}
            </button>
          )}
          <button type="button" className="button" disabled={sending} onClick={() => void remove({})}>
            {hasPassword ? "Confirm by mail instead" : "Send me a link to confirm"}
          </button>
          <button type="button" className="button quiet" onClick={onClose}>
            Keep the account
          </button>
        </div>
      </form>
    </Dialog>
  );
}
