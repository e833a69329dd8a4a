import type { QuotaState } from "../chatkit/types";
import { useNow } from "../lib/hooks";
import { clockTime, inWords } from "../lib/time";

export function QuotaBadge({ quota }: { quota: QuotaState | null }) {
  if (quota?.limit == null || quota.remaining === null) return null;
  const { limit, remaining } = quota;
  const low = remaining === 0 ? "none" : remaining <= Math.ceil(limit / 5) ? "low" : "fine";
  return (
    <span className="quota" data-testid="quota" data-level={low} title={`${limit} questions in 24 hours`}>
      {remaining} of {limit} left
    </span>
  );
}

/** Shown in the place of hope while no question is left. */
export function QuotaExhausted({ quota }: { quota: QuotaState }) {
  const now = useNow(15_000);
  const at = quota.resetsAt === null ? null : new Date(quota.resetsAt);
  return (
    <p className="notice warning" role="status" data-testid="quota-exhausted">
      {quota.limit === null ? "You have used all your questions." : `You have used all ${quota.limit} questions.`}{" "}
      {at !== null &&
        (at > now ? (
          <>
            The next one is free at <time dateTime={at.toISOString()}>{clockTime(at, now)}</time> ({inWords(at, now)}).
          </>
        ) : (
          "The next one is free now."
        ))}
    </p>
  );
}
