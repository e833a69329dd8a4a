import { useState } from "react";
import { useNow } from "../lib/hooks";
import { authClient } from "./client";
import type { AuthError } from "./errors";
import { settle } from "./settle";

const PAUSE_MS = 60_000;

export interface Resend {
  secondsLeft: number;
  state: "idle" | "sending" | "sent";
  error: AuthError | null;
  resend: () => void;
}

/** Sends the verification mail again, at most once a minute; `justSent` starts with the pause. */
export function useResend(email: string, justSent: boolean): Resend {
  const [allowedAt, setAllowedAt] = useState(() => (justSent ? Date.now() + PAUSE_MS : 0));
  const [state, setState] = useState<Resend["state"]>("idle");
  const [error, setError] = useState<AuthError | null>(null);
  const now = useNow(1000, allowedAt > 0);
  // `now` is older than the pause until the clock ticks next.
  const secondsLeft = Math.min(PAUSE_MS / 1000, Math.max(0, Math.ceil((allowedAt - now.getTime()) / 1000)));

  const send = async () => {
    setState("sending");
    setError(null);
    const settled = await settle(() => authClient.sendVerificationEmail({ email, callbackURL: "/verified" }));
    if (!settled.ok) {
      setError(settled.error);
      setState("idle");
    } else {
      setState("sent");
      setAllowedAt(Date.now() + PAUSE_MS);
    }
  };

  return { secondsLeft, state, error, resend: () => void send() };
}
