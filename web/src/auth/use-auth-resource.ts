import { useCallback, useEffect, useState } from "react";
import type { AuthError } from "./errors";
import { settle, type Answer, type Settled } from "./settle";

export type AuthResource<T> =
  | { status: "loading" }
  | { status: "ready"; data: T }
  | { status: "failed"; error: AuthError };

/** What a reading call of the auth client answers; `load` must stay the same while the question does. */
export function useAuthResource<T>(load: () => Promise<Answer<T>>) {
  const [attempt, setAttempt] = useState(0);
  const [loaded, setLoaded] = useState<{ load: unknown; settled: Settled<T> } | null>(null);

  useEffect(() => {
    let current = true;
    void settle(load).then((settled) => {
      if (current) setLoaded({ load, settled });
    });
    return () => {
      current = false;
    };
  }, [load, attempt]);

  const reload = useCallback(() => setAttempt((count) => count + 1), []);
  return { resource: resourceOf(loaded?.load === load ? loaded.settled : null), reload };
}

function resourceOf<T>(settled: Settled<T> | null): AuthResource<T> {
  if (settled === null) return { status: "loading" };
  return settled.ok ? { status: "ready", data: settled.data } : { status: "failed", error: settled.error };
}
