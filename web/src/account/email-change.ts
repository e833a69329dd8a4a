import { describeVerificationError } from "../auth/errors";

export interface EmailChangeState {
  tone: "success" | "warning" | "danger";
  text: string;
  /** Nothing is waited for any more. */
  over: boolean;
}

interface Arrival {
  /** The account's address now. */
  email: string;
  /** What it was asked to become on this device, if it was. */
  pending: string | null;
  /** What the link reported. */
  error: string | null;
}

/** Both links of a change end on the same page; what is done is told by the address. */
export function describeEmailChange({ email, pending, error }: Arrival): EmailChangeState {
  if (error !== null) return { tone: "danger", text: describeVerificationError(error), over: false };
  if (pending === null) {
    return {
      tone: "warning",
      text: `Your e-mail address is ${email}. If you have just agreed to change it, follow the link in the second mail, which goes to the new address.`,
      over: false,
    };
  }
  if (pending.toLowerCase() === email.toLowerCase()) {
    return { tone: "success", text: `Done: your e-mail address is now ${email}.`, over: true };
  }
  return {
    tone: "warning",
    text: `One step is left: we have sent a second link to ${pending}. Follow it there, and the address is changed.`,
    over: false,
  };
}
