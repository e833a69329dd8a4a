import { useLocation, Link } from "react-router";
import type { ApiError } from "../lib/http";
import { stringMember } from "../lib/json";
import { page } from "../api/urls";
import { VerifyNotice } from "./VerifyNotice";

/** What stands where content would, by what the server refused. */
export function ErrorState({ error, onRetry }: { error: ApiError; onRetry: () => void }) {
  const { pathname, search, hash } = useLocation();
  const here = pathname + search + hash;

  if (error.code === "EMAIL_NOT_VERIFIED") return <VerifyNotice />;
  if (error.status === 401) {
    return (
      <State title="Sign in to go on" text="This page is for those who are signed in.">
        <Link className="button primary" to={page.signIn(here)}>
          Sign in
        </Link>
        <Link className="button" to={page.signUp(here)}>
          Create an account
        </Link>
      </State>
    );
  }
  if (error.code === "STAGE_LOCKED") {
    return <State title="This stage is still locked" text={stringMember(error.extras, "unlocks_when") ?? error.message} />;
  }
  if (error.status === 404) return <State title="Not found" text={error.message} />;
  if (error.temporary) {
    return (
      <State title="Service unavailable" text={error.message} alert>
        <button type="button" className="button primary" onClick={onRetry}>
          Try again
        </button>
      </State>
    );
  }
  return <State title="This did not work" text={error.message} alert />;
}

interface StateProps {
  title: string;
  text: string;
  alert?: boolean;
  children?: React.ReactNode;
}

export function State({ title, text, alert = false, children }: StateProps) {
  return (
    <div className="state" role={alert ? "alert" : undefined}>
      <h2>{title}</h2>
      <p>{text}</p>
      {children && <div className="actions">{children}</div>}
    </div>
  );
}
