import { useSearchParams } from "react-router";
import { authClient } from "../auth/client";
import { describeProviderError } from "../auth/provider-errors";
import { useAuthCall } from "../auth/use-auth-call";
import type { AuthResource } from "../auth/use-auth-resource";
import { providerName, useProviders, type Provider } from "../auth/use-sign-in-methods";
import { AuthProblem } from "../components/AuthProblem";
import { Panel } from "../components/Panel";
import { scrollIntoView } from "../lib/focus";
import { dateText } from "../lib/time";

export interface LinkedAccount {
  id: string;
  providerId: string;
  createdAt: Date;
}

interface SignInMethodsProps {
  accounts: AuthResource<LinkedAccount[]>;
  onChanged: () => void;
}

export function SignInMethods({ accounts, onChanged }: SignInMethodsProps) {
  const [search] = useSearchParams();
  const linked = search.get("linked");
  const refused = linked === null ? null : search.get("error");
  const providers = useProviders();
  return (
    <Panel title="Ways to sign in" id="sign-in-methods">
      {linked !== null && refused === null && (
        <p className="notice success" role="status" ref={scrollIntoView}>
          {providerName(linked, providers)} is connected.
        </p>
      )}
      {refused !== null && (
        <p className="notice danger" role="alert" ref={scrollIntoView} data-code={refused}>
          {describeProviderError(refused)}
        </p>
      )}
      {accounts.status === "loading" && <p className="loading">Loading…</p>}
      {accounts.status === "failed" && <AuthProblem error={accounts.error} onRetry={onChanged} />}
      {accounts.status === "ready" && <Methods accounts={accounts.data} providers={providers} onChanged={onChanged} />}
    </Panel>
  );
}

interface MethodsProps {
  accounts: LinkedAccount[];
  providers: Provider[];
  onChanged: () => void;
}

function Methods({ accounts, providers, onChanged }: MethodsProps) {
  const { sending, error, run } = useAuthCall();
  const only = accounts.length === 1;
  const free = providers.filter(({ id }) => !accounts.some((account) => account.providerId === id));

  const unlink = async (account: LinkedAccount) => {
    const settled = await run(() => authClient.unlinkAccount({ accountId: account.id }));
    if (settled.ok) onChanged();
  };
  const link = (provider: string) => {
    const back = `/account?linked=${encodeURIComponent(provider)}`;
    return run(() => authClient.linkSocial({ provider, callbackURL: back, errorCallbackURL: back }));
  };

  return (
    <>
      <AuthProblem error={error} />
      <ul className="rows">
        {accounts.map((account) => (
          <li key={account.id}>
            <div>
              <strong>{providerName(account.providerId, providers)}</strong>
              <span className="meta">since {dateText(account.createdAt)}</span>
            </div>
            {account.providerId !== "credential" && (
              <button type="button" className="button small" disabled={sending || only} onClick={() => void unlink(account)}>
                Disconnect<span className="visually-hidden"> {providerName(account.providerId, providers)}</span>
              </button>
            )}
          </li>
        ))}
        {free.map(({ id, name }) => (
          <li key={id}>
            <div>
              <strong>{name}</strong>
              <span className="meta">not connected</span>
            </div>
            <button type="button" className="button small" disabled={sending} onClick={() => void link(id)}>
              Connect<span className="visually-hidden"> {name}</span>
            </button>
          </li>
        ))}
      </ul>
      {only && accounts[0]?.providerId !== "credential" && (
        <p className="meta">This is your only way to sign in. Set a password or connect another one before you disconnect it.</p>
      )}
    </>
  );
}
