import { Link } from "react-router";
import { page } from "../api/urls";
import type { AuthError } from "../auth/errors";
import { describePageError } from "./page-errors";

/** Whether nothing can be done with the request but to start again. */
export function isDead(error: AuthError): boolean {
  return error.kind === "expired-request" || error.kind === "unknown-application";
}

/** In the place of a page whose request is not valid (any more), or that was opened without one. */
export function DeadRequest({ error }: { error: AuthError | null }) {
  const { title, text } = describePageError(codeOf(error));
  return (
    <div className="card form" role="alert" data-testid="dead-request" data-kind={error?.kind}>
      <h1>{title}</h1>
      <p>{text}</p>
      <Link className="button wide" to={page.courses}>
        Go to the courses
      </Link>
    </div>
  );
}

function codeOf(error: AuthError | null): string {
  if (error === null) return "invalid_request";
  return error.kind === "unknown-application" ? "invalid_client" : "expired_request";
}
