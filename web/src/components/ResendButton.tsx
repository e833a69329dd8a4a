import { describeAuthError } from "../auth/errors";
import type { Resend } from "../auth/use-resend";

export function ResendButton({ secondsLeft, state, error, resend }: Resend) {
  return (
    <div className="resend">
      <button type="button" className="button" disabled={secondsLeft > 0 || state === "sending"} onClick={resend}>
        {secondsLeft > 0 ? `Send again in ${secondsLeft} s` : "Send the mail again"}
      </button>
      <p role="status">
        {state === "sent" && "Sent. Look into your spam folder, too."}
        {error !== null && describeAuthError(error, new Date())}
      </p>
    </div>
  );
}
