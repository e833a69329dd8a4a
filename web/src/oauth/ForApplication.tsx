import type { AuthResource } from "../auth/use-auth-resource";
import { useUser } from "../auth/use-user";
import type { PublicClient } from "./application";
import { ApplicationName } from "./ApplicationHead";

interface ForApplicationProps {
  application: AuthResource<PublicClient | null>;
  /** What the form means for whoever is signed in already; null once it is done. */
  note: string | null;
}

/** Under the heading of a form to sign in: what it is for. */
export function ForApplication({ application, note }: ForApplicationProps) {
  const user = useUser();
  const client = application.status === "ready" ? application.data : null;
  return (
    <div className="for-application" data-testid="for-application">
      <p>to continue to {client === null ? "the application that sent you" : <ApplicationName client={client} />}</p>
      {user !== null && note !== null && (
        <p className="meta">
          You are signed in here as {user.email}. {note}
        </p>
      )}
    </div>
  );
}
