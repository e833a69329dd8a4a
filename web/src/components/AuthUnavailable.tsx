import type { AuthTrouble } from "../auth/use-user";
import { Icon } from "./icons";

const TITLE = "Signing in is not available right now";
const TEXT = "The part of this site that knows accounts does not answer. Your account and your progress are safe; courses can still be looked at.";

/** In a form that cannot work without the auth API. */
export function AuthUnavailableNotice({ troubled, retrying, retry }: AuthTrouble) {
  if (!troubled) return null;
  return (
    <div className="notice warning" role="alert" data-testid="auth-unavailable">
      <p>
        <strong>{TITLE}.</strong> {TEXT}
      </p>
      <button type="button" className="button small" disabled={retrying} onClick={retry}>
        {retrying ? "Trying…" : "Try again"}
      </button>
    </div>
  );
}

/** In the place of a page that needs to know who is there. */
export function AuthUnavailable({ retrying, retry }: AuthTrouble) {
  return (
    <div className="state" role="alert" data-testid="auth-unavailable">
      <Icon name="cloudOff" />
      <h1>{TITLE}</h1>
      <p>{TEXT}</p>
      <button type="button" className="button primary" disabled={retrying} onClick={retry}>
        {retrying ? "Trying…" : "Try again"}
      </button>
    </div>
  );
}
