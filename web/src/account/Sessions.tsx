import { useContext } from "react";
import { useNavigate } from "react-router";
import { authClient } from "../auth/client";
import { RenewContext, useAuthCall } from "../auth/use-auth-call";
import type { AuthResource } from "../auth/use-auth-resource";
import { AuthProblem } from "../components/AuthProblem";
import { Panel } from "../components/Panel";
import { momentText } from "../lib/time";
import { describeUserAgent } from "../lib/user-agent";

export interface SessionInfo {
  token: string;
  createdAt: Date;
  ipAddress?: string | null | undefined;
  userAgent?: string | null | undefined;
}

interface SessionsProps {
  sessions: AuthResource<SessionInfo[]>;
  onChanged: () => void;
}

export function Sessions({ sessions, onChanged }: SessionsProps) {
  return (
    <Panel title="Where you are signed in" id="sessions">
      {sessions.status === "loading" && <p className="loading">Loading…</p>}
      {sessions.status === "failed" &&
        (sessions.error.kind === "not-fresh" ? (
          <AskToRenew />
        ) : (
          <AuthProblem error={sessions.error} onRetry={onChanged} />
        ))}
      {sessions.status === "ready" && <SessionList sessions={sessions.data} onChanged={onChanged} />}
    </Panel>
  );
}

/** The list needs a recent sign-in; a page that is only looked at does not ask for one by itself. */
function AskToRenew() {
  const renew = useContext(RenewContext);
  return (
    <div className="fields">
      <p>You signed in a while ago. To see and end your sessions, show once more that it is you.</p>
      <div className="actions">
        <button type="button" className="button" onClick={() => void renew?.()}>
          Sign in again
        </button>
      </div>
    </div>
  );
}

function SessionList({ sessions, onChanged }: { sessions: SessionInfo[]; onChanged: () => void }) {
  const navigate = useNavigate();
  const { data } = authClient.useSession();
  const { sending, error, run } = useAuthCall();
  const here = data?.session.token;
  const others = sessions.filter(({ token }) => token !== here);
  const ordered = [...sessions.filter(({ token }) => token === here), ...others];

  const end = async (token: string) => {
    if ((await run(() => authClient.revokeSession({ token }))).ok) onChanged();
  };
  const endOthers = async () => {
    if ((await run(() => authClient.revokeOtherSessions())).ok) onChanged();
  };
  const endAll = async () => {
    const settled = await run(() => authClient.revokeSessions());
    if (settled.ok) await navigate("/sign-in", { state: { notice: "signed-out-everywhere" } });
  };

  return (
    <>
      <AuthProblem error={error} />
      <ul className="rows" data-testid="sessions">
        {ordered.map(({ token, createdAt, ipAddress, userAgent }) => (
          <li key={token}>
            <div>
              <strong title={userAgent ?? undefined}>{describeUserAgent(userAgent ?? "")}</strong>{" "}
              {token === here && <span className="badge">this device</span>}
              <span className="meta">
                {ipAddress ? `${ipAddress}, ` : ""}since {momentText(createdAt)}
              </span>
            </div>
            {token !== here && (
              <button type="button" className="button small" disabled={sending} onClick={() => void end(token)}>
                Sign out<span className="visually-hidden"> {describeUserAgent(userAgent ?? "")}</span>
              </button>
            )}
          </li>
        ))}
      </ul>
      <div className="actions">
        <button type="button" className="button" disabled={sending || others.length === 0} onClick={() => void endOthers()}>
          Sign out everywhere else
        </button>
        <button type="button" className="button" disabled={sending} onClick={() => void endAll()}>
          Sign out everywhere
        </button>
      </div>
    </>
  );
}
