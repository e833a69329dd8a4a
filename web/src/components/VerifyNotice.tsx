import { useResend } from "../auth/use-resend";
import { useUser } from "../auth/use-user";
import { ResendButton } from "./ResendButton";
import { Icon } from "./icons";

/** Stands in for what only verified users may use. */
export function VerifyNotice() {
  const user = useUser();
  const resend = useResend(user?.email ?? "", false);
  return (
    <div className="state" data-testid="verify-notice">
      <Icon name="mail" />
      <h2>Verify your e-mail address</h2>
      <p>
        We have sent a link to <strong>{user?.email ?? "your address"}</strong>. Follow it to open the lessons and to ask
        the tutor.
      </p>
      <ResendButton {...resend} />
    </div>
  );
}
