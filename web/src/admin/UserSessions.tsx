import { useCallback } from "react";
import { authClient } from "../auth/client";
import { useAuthCall } from "../auth/use-auth-call";
import { useAuthResource } from "../auth/use-auth-resource";
import { AuthProblem } from "../components/AuthProblem";
import { momentText } from "../lib/time";
import { describeUserAgent } from "../lib/user-agent";

export function UserSessions({ userId }: { userId: string }) {
  const load = useCallback(() => authClient.admin.listUserSessions({ userId }), [userId]);
  const { resource, reload } = useAuthResource(load);
  const { sending, error, run } = useAuthCall();

  const end = async (sessionToken: string) => {
    if ((await run(() => authClient.admin.revokeUserSession({ sessionToken }))).ok) reload();
  };
  const endAll = async () => {
    if ((await run(() => authClient.admin.revokeUserSessions({ userId }))).ok) reload();
  };
  const sessions = resource.status === "ready" ? resource.data.sessions : [];

  return (
    <section className="fields part">
      <h3>Sessions</h3>
      {resource.status === "loading" && <p className="meta">Loading…</p>}
      {resource.status === "failed" && <AuthProblem error={resource.error} onRetry={reload} />}
      {resource.status === "ready" && sessions.length === 0 && <p className="meta">Signed in nowhere.</p>}
      <AuthProblem error={error} />
      <ul className="rows">
        {sessions.map(({ token, userAgent, ipAddress, createdAt }) => (
          <li key={token}>
            <div>
              <strong title={userAgent ?? undefined}>{describeUserAgent(userAgent ?? "")}</strong>
              <span className="meta">
                {ipAddress ? `${ipAddress}, ` : ""}since {momentText(createdAt)}
              </span>
            </div>
            <button type="button" className="button small" disabled={sending} onClick={() => void end(token)}>
              End<span className="visually-hidden"> {describeUserAgent(userAgent ?? "")}</span>
            </button>
          </li>
        ))}
      </ul>
      {sessions.length > 1 && (
        <div className="actions">
          <button type="button" className="button small" disabled={sending} onClick={() => void endAll()}>
            End all sessions
          </button>
        </div>
      )}
    </section>
  );
}
