import { AuthProblem } from "../components/AuthProblem";
import { authClient } from "./client";
import { useAuthCall } from "./use-auth-call";
import { useProviders } from "./use-sign-in-methods";

interface ProviderButtonsProps {
  /** Where to go after signing in. */
  next: string;
  /** Where the service's refusal is told. */
  onErrorTo: string;
  /** Offers these alone. */
  only?: readonly string[] | null;
  /** Whether they stand below another way to sign in. */
  alternative?: boolean;
}

export function ProviderButtons({ next, onErrorTo, only = null, alternative = true }: ProviderButtonsProps) {
  const providers = useProviders().filter(({ id }) => only === null || only.includes(id));
  const { sending, error, run } = useAuthCall();
  if (providers.length === 0) return null;

  const go = (provider: string) =>
    run(() =>
      authClient.signIn.social({ provider, callbackURL: next, newUserCallbackURL: next, errorCallbackURL: onErrorTo }),
    );
  return (
    <div className="providers" data-testid="providers">
      {alternative && <p className="or">or</p>}
      {providers.map(({ id, name }) => (
        <button key={id} type="button" className="button wide" disabled={sending} onClick={() => void go(id)}>
          Continue with {name}
        </button>
      ))}
      <AuthProblem error={error} />
    </div>
  );
}
