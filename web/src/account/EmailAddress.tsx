import { useEffect, useState, type SyntheticEvent } from "react";
import { Link, useSearchParams } from "react-router";
import { authClient } from "../auth/client";
import { describeAuthError } from "../auth/errors";
import { useAuthCall } from "../auth/use-auth-call";
import type { User } from "../auth/use-user";
import { AuthProblem } from "../components/AuthProblem";
import { Field } from "../components/Field";
import { Panel } from "../components/Panel";
import { recall, remember } from "../lib/storage";
import { describeEmailChange } from "./email-change";

const AFTER_LINK = "/account?changed=email";
const pendingKey = (user: User) => `intellistack.email-change.${user.id}`;

export function EmailAddress({ user }: { user: User }) {
  const [search] = useSearchParams();
  const [sent, setSent] = useState(false);
  return (
    <Panel title="E-mail" id="email">
      <p>
        <strong>{user.email}</strong>{" "}
        <span className="badge" data-tone={user.emailVerified ? undefined : "warning"}>
          {user.emailVerified ? "verified" : "not verified"}
        </span>
        {!user.emailVerified && (
          <>
            {" "}
            <Link to="/check-mail">Send the link again</Link>
          </>
        )}
      </p>
      {search.get("changed") === "email" && !sent && <ChangeState user={user} error={search.get("error")} />}
      <ChangeForm user={user} onSent={() => setSent(true)} />
    </Panel>
  );
}

function ChangeState({ user, error }: { user: User; error: string | null }) {
  const { refetch } = authClient.useSession();
  // Kept while the page is shown, even when the change is over and forgotten.
  const [pending] = useState(() => recall(pendingKey(user)));
  const { tone, text, over } = describeEmailChange({ email: user.email, pending, error });

  useEffect(() => {
    // The session may be cached from before the link was followed.
    void refetch({ query: { disableCookieCache: true } });
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once, on arrival
  }, []);
  useEffect(() => {
    if (over) remember(pendingKey(user), null);
  }, [over, user]);

  return (
    <p className={`notice ${tone}`} role={tone === "danger" ? "alert" : "status"} data-testid="email-change">
      {text}
    </p>
  );
}

function ChangeForm({ user, onSent }: { user: User; onSent: () => void }) {
  const [email, setEmail] = useState("");
  const [sentTo, setSentTo] = useState<string | null>(null);
  const { sending, error, run } = useAuthCall();

  const change = async () => {
    const settled = await run(() => authClient.changeEmail({ newEmail: email, callbackURL: AFTER_LINK }));
    if (!settled.ok) return;
    remember(pendingKey(user), email);
    setSentTo(email);
    setEmail("");
    onSent();
  };
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    void change();
  };

  const invalid = error?.kind === "invalid-email";
  return (
    <form className="fields" onSubmit={submit}>
      {sentTo !== null && (
        <p className="notice success" role="status">
          {user.emailVerified
            ? `We have sent a link to ${user.email}. Once you have followed it, a second one goes to ${sentTo}.`
            : `We have sent a link to ${sentTo}. Follow it to finish the change.`}
        </p>
      )}
      {!invalid && <AuthProblem error={error} onRetry={() => void change()} />}
      <Field
        label="New e-mail address"
        name="email"
        type="email"
        autoComplete="email"
        required
        value={email}
        error={invalid ? describeAuthError(error, new Date()) : null}
        onChange={(event) => setEmail(event.target.value.trim())}
      >
        <p>
          {user.emailVerified
            ? "Both addresses agree: first you follow a link sent to the present one, then a link sent to the new one. Until then nothing changes."
            : "You follow a link sent to the new address. Until then nothing changes."}
        </p>
      </Field>
      <div className="actions">
        <button type="submit" className="button primary" disabled={sending || email === ""}>
          {sending ? "Sending…" : "Change the address"}
        </button>
      </div>
    </form>
  );
}
