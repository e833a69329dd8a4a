import { describeAuthError, type AuthError } from "../auth/errors";
import { useNow } from "../lib/hooks";

interface AuthProblemProps {
  error: AuthError | null;
  /** Offered when trying again may help. */
  onRetry?: () => void;
  testId?: string;
}

export function AuthProblem({ error, onRetry, testId }: AuthProblemProps) {
  const now = useNow(15_000, error?.kind === "locked");
  if (error === null) return null;
  return (
    <div className="notice danger" role="alert" data-testid={testId} data-kind={error.kind}>
      <p>{describeAuthError(error, now)}</p>
      {error.kind === "unavailable" && onRetry && (
        <button type="button" className="button small" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}
