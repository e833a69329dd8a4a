import { createContext, useCallback, useContext, useState } from "react";
import type { AuthError } from "./errors";
import { settleFresh, type Answer, type Settled } from "./settle";

/** Asks the user to sign in again, where a page offers that; false when they do not want to. */
export const RenewContext = createContext<(() => Promise<boolean>) | null>(null);

/** A form's or a button's call of the auth client, with what it needs to show meanwhile and after. */
export function useAuthCall() {
  const renew = useContext(RenewContext);
  const [sending, setSending] = useState(false);
  const [error, setError] = useState<AuthError | null>(null);

  const run = useCallback(
    async <T>(call: () => Promise<Answer<T>>): Promise<Settled<T>> => {
      setSending(true);
      setError(null);
      const settled = await settleFresh(call, renew);
      setSending(false);
      if (!settled.ok) setError(settled.error);
      return settled;
    },
    [renew],
  );
  return { sending, error, run };
}
