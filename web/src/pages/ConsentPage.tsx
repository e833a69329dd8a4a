import { useCallback, useRef, useState } from "react";
import { Link, Navigate } from "react-router";
import { page } from "../api/urls";
import { useAuthCall } from "../auth/use-auth-call";
import { useAuthResource } from "../auth/use-auth-resource";
import { AuthProblem } from "../components/AuthProblem";
import { useFocusOnMount } from "../lib/focus";
import { useTitle } from "../lib/hooks";
import { useFocusAgain } from "../lib/use-focus-again";
import { answerConsent, consentRequest, type ConsentRequest } from "../oauth/api";
import { applicationName } from "../oauth/application";
import { ApplicationHead, ApplicationName, PolicyLinks } from "../oauth/ApplicationHead";
import { DeadRequest, isDead } from "../oauth/DeadRequest";
import { Decision } from "../oauth/Decision";
import { ScopeChoices } from "../oauth/ScopeChoices";
import { agreedScopes } from "../oauth/scopes";
import { useLeaving } from "../oauth/use-leaving";
import { useSignedQuery } from "../oauth/use-signed-query";

/** Where the server leads a person whom it has to ask before it lets an application in. */
export default function ConsentPage() {
  useTitle("Allow access?");
  const query = useSignedQuery();
  return query === null ? <DeadRequest error={null} /> : <Asked key={query} query={query} />;
}

function Asked({ query }: { query: string }) {
  const load = useCallback(() => consentRequest(query), [query]);
  const { resource, reload } = useAuthResource(load);
  if (resource.status === "loading") return <p className="loading">Loading…</p>;
  if (resource.status === "ready") {
    const { user } = resource.data;
    return <Question key={user.email} query={query} request={resource.data} onOutdated={reload} />;
  }
  if (resource.error.kind === "signed-out") return <Navigate to={page.signInFor(query)} replace />;
  if (isDead(resource.error)) return <DeadRequest error={resource.error} />;
  return (
    <div className="card form">
      <h1>Allow access?</h1>
      <AuthProblem error={resource.error} onRetry={reload} />
    </div>
  );
}

interface QuestionProps {
  query: string;
  request: ConsentRequest;
  /** Someone else may have signed in meanwhile. */
  onOutdated: () => void;
}

function Question({ query, request, onOutdated }: QuestionProps) {
  const { client, user, scopes, redirect_host: host, first_party: ours } = request;
  const [unticked, setUnticked] = useState<ReadonlySet<string>>(new Set());
  const [deciding, setDeciding] = useState<boolean | null>(null);
  const busy = useRef(false);
  const { error, run } = useAuthCall();
  const { leaving, leave } = useLeaving();
  useFocusAgain(onOutdated, leaving === "no" && deciding === null);

  const asked = scopes.map(({ scope }) => scope);
  const agreed = agreedScopes(asked, unticked);
  const nothing = asked.length > 0 && agreed.length === 0;
  const decide = async (accept: boolean) => {
    if (busy.current) return;
    busy.current = true;
    setDeciding(accept);
    const settled = await run(() => answerConsent(query, accept, agreed));
    if (settled.ok) leave(settled.data.url);
    setDeciding(null);
    busy.current = false;
  };

  if (error?.kind === "signed-out") return <Navigate to={page.signInFor(query)} replace />;
  if (error !== null && isDead(error)) return <DeadRequest error={error} />;
  if (leaving === "yes") return <Left name={applicationName(client)} />;
  return (
    <div className="card form consent" data-testid="consent">
      <ApplicationHead name={applicationName(client)}>
        <h1>
          Allow <ApplicationName client={client} /> access?
        </h1>
      </ApplicationHead>
      {host !== "" && (
        <p>
          {ours ? "It belongs to this site. " : ""}Afterwards you return to <strong className="host">{host}</strong>.
        </p>
      )}
      <p className="signed-in-as">
        <span>
          You are signed in as <strong>{user.name}</strong>
          <span className="meta">{user.email}</span>
        </span>
        <Link to={page.signInFor(query)}>Not you?</Link>
      </p>
      {scopes.length > 0 && (
        <ScopeChoices
          legend="It asks to:"
          scopes={scopes}
          unticked={unticked}
          disabled={deciding !== null}
          onChange={setUnticked}
        />
      )}
      <p className="meta" role="status">
        {nothing ? "Tick at least one of these to allow it, or deny." : "You can withdraw this at any time under Account."}
      </p>
      <PolicyLinks client={client} />
      <AuthProblem error={error} />
      {leaving === "refused" && (
        <p className="notice danger" role="alert">
          The application wants you to be sent to an address that is not safe. Nothing has been sent there.
        </p>
      )}
      <Decision deciding={deciding} mayAllow={!nothing} onDecide={(accept) => void decide(accept)} />
    </div>
  );
}

function Left({ name }: { name: string }) {
  const heading = useFocusOnMount<HTMLHeadingElement>();
  return (
    <div className="card form" data-testid="consent-given">
      <h1 ref={heading} tabIndex={-1}>
        Taking you back…
      </h1>
      <p>
        You return to <bdi>{name}</bdi>. If it has opened already, you can close this page.
      </p>
    </div>
  );
}
