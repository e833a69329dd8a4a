import { Link, useLocation } from "react-router";
import { useUser } from "../auth/use-user";
import { useRefetchOnFocus } from "../auth/use-refetch-on-focus";
import { useResend } from "../auth/use-resend";
import { Icon } from "../components/icons";
import { ResendButton } from "../components/ResendButton";
import { useTitle } from "../lib/hooks";
import { isObject, stringMember } from "../lib/json";

/** After signing up; once the link was followed in another tab, this page says so when it is looked at. */
export function CheckMailPage() {
  useTitle("Check your mail");
  const { state } = useLocation() as { state: unknown };
  const user = useUser();
  const signedUpAs = isObject(state) ? stringMember(state, "email") : null;
  const email = user?.email ?? signedUpAs;
  const resend = useResend(email ?? "", signedUpAs !== null);
  useRefetchOnFocus();

  if (user?.emailVerified) {
    return (
      <div className="card form">
        <h1>Your address is verified</h1>
        <p>Everything is open to you now.</p>
        <Link className="button primary wide" to="/courses">
          Go to the courses
        </Link>
      </div>
    );
  }
  return (
    <div className="card form">
      <Icon name="mail" />
      <h1>Check your mail</h1>
      <p>
        We have sent a link to <strong>{email ?? "your address"}</strong>. Follow it within an hour to verify the address;
        lessons and the tutor open then.
      </p>
      {email === null ? (
        <Link className="button wide" to="/sign-in">
          Sign in to send it again
        </Link>
      ) : (
        <ResendButton {...resend} />
      )}
      <p className="form-foot">
        Meanwhile, <Link to="/courses">look at the courses</Link>.
      </p>
    </div>
  );
}
