import { useCallback, useState, type ReactNode, type SyntheticEvent } from "react";
import { useLocation } from "react-router";
import { authClient } from "../auth/client";
import { describeAuthError } from "../auth/errors";
import { ProviderButtons } from "../auth/ProviderButtons";
import { settle } from "../auth/settle";
import { RenewContext, useAuthCall } from "../auth/use-auth-call";
import type { User } from "../auth/use-user";
import { AuthProblem } from "../components/AuthProblem";
import { Dialog } from "../components/Dialog";
import { Field } from "../components/Field";

interface SignInAgainProps {
  user: User;
  /** The provider of each way to sign in that the account has; null while not known. */
  methods: readonly string[] | null;
  onRenewed: () => void;
  children: ReactNode;
}

/** Lets everything below ask for a fresh sign-in without leaving the page. */
export function SignInAgain({ user, methods, onRenewed, children }: SignInAgainProps) {
  const [answer, setAnswer] = useState<((renewed: boolean) => void) | null>(null);

  const renew = useCallback(
    () =>
      new Promise<boolean>((resolve) => {
        setAnswer(() => resolve);
      }),
    [],
  );
  const close = (renewed: boolean) => {
    answer?.(renewed);
    setAnswer(null);
    if (renewed) onRenewed();
  };
  return (
    <RenewContext value={renew}>
      {children}
      {answer !== null && <SignInDialog user={user} methods={methods} onClose={close} />}
    </RenewContext>
  );
}

interface SignInDialogProps {
  user: User;
  methods: readonly string[] | null;
  onClose: (renewed: boolean) => void;
}

function SignInDialog({ user, methods, onClose }: SignInDialogProps) {
  const { pathname, hash } = useLocation();
  const hasPassword = methods === null || methods.includes("credential");
  return (
    <Dialog title="Please sign in again" onClose={() => onClose(false)}>
      <div className="fields" data-testid="sign-in-again">
        <p>You signed in a while ago. Before this goes on, show once more that it is you.</p>
        {hasPassword && <PasswordForm user={user} onDone={() => onClose(true)} />}
        {/* Another service than the connected ones could lead to another account. */}
        <ProviderButtons next={pathname + hash} onErrorTo="/sign-in" only={methods} alternative={hasPassword} />
      </div>
    </Dialog>
  );
}

function PasswordForm({ user, onDone }: { user: User; onDone: () => void }) {
  const [password, setPassword] = useState("");
  const { data } = authClient.useSession();
  const { sending, error, run } = useAuthCall();

  const signIn = async () => {
    const old = data?.session.token;
    const settled = await run(() => authClient.signIn.email({ email: user.email, password }));
    if (!settled.ok) return;
    // The session this one replaces would stay in the list of devices.
    if (old !== undefined) await settle(() => authClient.revokeSession({ token: old }));
    onDone();
  };
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    void signIn();
  };

  const wrong = error?.kind === "wrong-credentials";
  return (
    <form className="fields" onSubmit={submit}>
      {!wrong && <AuthProblem error={error} onRetry={() => void signIn()} />}
      <input type="email" name="username" autoComplete="username" value={user.email} readOnly hidden />
      <Field
        label={`Password of ${user.email}`}
        name="current-password"
        type="password"
        autoComplete="current-password"
        required
        value={password}
        error={wrong ? describeAuthError({ kind: "wrong-password" }, new Date()) : null}
        onChange={(event) => setPassword(event.target.value)}
      />
      <button type="submit" className="button primary wide" disabled={sending}>
        {sending ? "Signing in…" : "Sign in"}
      </button>
    </form>
  );
}
