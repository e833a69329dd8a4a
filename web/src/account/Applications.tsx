import { useEffect, useRef, useState } from "react";
import { useAuthCall } from "../auth/use-auth-call";
import { useAuthResource } from "../auth/use-auth-resource";
import { AuthProblem } from "../components/AuthProblem";
import { Panel } from "../components/Panel";
import { dateText } from "../lib/time";
import { listConsents, withdrawConsent, type Consent } from "../oauth/api";
import { applicationName } from "../oauth/application";
import { listScopes } from "../oauth/scopes";

/** What the person has allowed to applications. */
export function Applications() {
  const { resource, reload } = useAuthResource(listConsents);
  return (
    <Panel title="Applications" id="applications">
      {resource.status === "loading" && <p className="loading">Loading…</p>}
      {resource.status === "failed" && <AuthProblem error={resource.error} onRetry={reload} />}
      {resource.status === "ready" && <Consents consents={resource.data} onChanged={reload} />}
    </Panel>
  );
}

const nameOf = ({ clientId, clientName }: Consent) => applicationName({ client_id: clientId, client_name: clientName });

function Consents({ consents, onChanged }: { consents: Consent[]; onChanged: () => void }) {
  const [withdrawn, setWithdrawn] = useState<string | null>(null);
  const status = useRef<HTMLParagraphElement>(null);
  const { sending, error, run } = useAuthCall();

  const withdraw = async (consent: Consent) => {
    setWithdrawn(null);
    if (!(await run(() => withdrawConsent(consent.id))).ok) return;
    setWithdrawn(nameOf(consent));
    onChanged();
  };
  useEffect(() => {
    // The button that had the focus goes with its row.
    if (withdrawn !== null) status.current?.focus();
  }, [withdrawn]);

  return (
    <div className="fields">
      <AuthProblem error={error} />
      <p ref={status} tabIndex={-1} role="status" className={withdrawn === null ? undefined : "notice success"}>
        {withdrawn !== null && `${withdrawn} has no access to your account any more.`}
      </p>
      {consents.length === 0 ? (
        <p className="meta">You have not allowed any application to use your account.</p>
      ) : (
        <p className="meta">You have allowed these to use your account. Withdrawing ends their access at once.</p>
      )}
      <ul className="rows" data-testid="consents">
        {consents.map((consent) => (
          <li key={consent.id}>
            <div>
              <strong>
                <bdi>{nameOf(consent)}</bdi>
              </strong>
              <span className="meta">
                {listScopes(consent.scopes)}
                {consent.scopes.length > 0 && ". "}
                Since {dateText(new Date(consent.createdAt))}
              </span>
            </div>
            <button type="button" className="button small" disabled={sending} onClick={() => void withdraw(consent)}>
              Withdraw<span className="visually-hidden"> the access of {nameOf(consent)}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
