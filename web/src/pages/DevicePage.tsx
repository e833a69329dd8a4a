import { useRef, useState, type SyntheticEvent } from "react";
import { Link, useLocation, useSearchParams } from "react-router";
import { page } from "../api/urls";
import type { AuthError } from "../auth/errors";
import { describeAuthError } from "../auth/errors";
import { useAuthCall } from "../auth/use-auth-call";
import type { User } from "../auth/use-user";
import { AuthProblem } from "../components/AuthProblem";
import { Field } from "../components/Field";
import { RequireUser } from "../components/RequireUser";
import { focusInvalid, useFocusOnMount } from "../lib/focus";
import { useTitle } from "../lib/hooks";
import { answerDevice, deviceRequest, type DeviceRequest } from "../oauth/api";
import { applicationName } from "../oauth/application";
import { ApplicationHead, ApplicationName, PolicyLinks } from "../oauth/ApplicationHead";
import { Decision } from "../oauth/Decision";
import { ScopeList } from "../oauth/ScopeChoices";
import { codeFromAddress, parseUserCode } from "../oauth/user-code";

/** Signing in on a device that cannot show a browser (RFC 8628, section 3.3). */
export default function DevicePage() {
  useTitle("Connect a device");
  return <RequireUser>{(user) => <Device key={user.id} user={user} />}</RequireUser>;
}

function Device({ user }: { user: User }) {
  const [search] = useSearchParams();
  // Only filled in: a code that somebody has sent must not be sent on by itself.
  const [typed, setTyped] = useState(() => codeFromAddress(search));
  const [request, setRequest] = useState<DeviceRequest | null>(null);
  const [done, setDone] = useState<boolean | null>(null);
  const [refusal, setRefusal] = useState<AuthError | null>(null);

  const again = (error: AuthError | null) => {
    setRefusal(error);
    setRequest(null);
  };
  if (request === null) {
    return <EnterCode typed={typed} onType={setTyped} refusal={refusal} onFound={setRequest} />;
  }
  if (done !== null) return <Done request={request} allowed={done} />;
  return <Confirm request={request} user={user} onDone={setDone} onBack={again} />;
}

interface EnterCodeProps {
  typed: string;
  onType: (typed: string) => void;
  /** Why the person is here again. */
  refusal: AuthError | null;
  onFound: (request: DeviceRequest) => void;
}

function EnterCode({ typed, onType, refusal, onFound }: EnterCodeProps) {
  const [problem, setProblem] = useState<string | null>(refusal === null ? null : describeAuthError(refusal, new Date()));
  const { sending, error, run } = useAuthCall();

  const find = async () => {
    const parsed = parseUserCode(typed);
    setProblem(parsed.ok ? null : parsed.problem);
    if (!parsed.ok) return;
    const settled = await run(() => deviceRequest(parsed.code));
    if (settled.ok) onFound(settled.data);
    else if (settled.error.kind === "unknown-device-code") setProblem(describeAuthError(settled.error, new Date()));
  };
  const submit = (event: SyntheticEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    void find().then(() => focusInvalid(form));
  };

  return (
    <form className="card form" noValidate onSubmit={submit} data-testid="device-code">
      <h1>Connect a device</h1>
      <p>Enter the code that your device or program shows, to let it use your account.</p>
      {error?.kind !== "unknown-device-code" && <AuthProblem error={error} onRetry={() => void find()} />}
      <Field
        label="Code"
        name="user-code"
        className="code-input"
        autoComplete="off"
        autoCapitalize="characters"
        spellCheck={false}
        placeholder="XXXX-XXXX"
        maxLength={40}
        value={typed}
        error={problem}
        onChange={(event) => onType(event.target.value)}
      />
      <button type="submit" className="button primary wide" disabled={sending}>
        {sending ? "Looking for the device…" : "Continue"}
      </button>
      <p className="meta">Enter only a code that you have asked for yourself. Nobody who helps you needs you to do this.</p>
    </form>
  );
}

interface ConfirmProps {
  request: DeviceRequest;
  user: User;
  onDone: (allowed: boolean) => void;
  onBack: (error: AuthError | null) => void;
}

function Confirm({ request, user, onDone, onBack }: ConfirmProps) {
  const { client, scopes, user_code: code } = request;
  const { pathname } = useLocation();
  const [deciding, setDeciding] = useState<boolean | null>(null);
  const busy = useRef(false);
  const heading = useFocusOnMount<HTMLHeadingElement>();
  const { error, run } = useAuthCall();

  const decide = async (accept: boolean) => {
    if (busy.current) return;
    busy.current = true;
    setDeciding(accept);
    const settled = await run(() => answerDevice(code, accept));
    setDeciding(null);
    busy.current = false;
    if (settled.ok) onDone(accept);
    else if (settled.error.kind === "unknown-device-code") onBack(settled.error);
  };

  return (
    <div className="card form consent" data-testid="device-confirm">
      <ApplicationHead name={applicationName(client)}>
        <h1 ref={heading} tabIndex={-1}>
          Let <ApplicationName client={client} /> use your account?
        </h1>
      </ApplicationHead>
      <p>
        Does the device show exactly this code?
        <code className="user-code">{code}</code>
      </p>
      <p className="notice warning">
        Allow it only if you have just started this yourself, on a device in front of you. If somebody sent you the code or
        the link, deny.
      </p>
      <p className="signed-in-as">
        <span>
          You are signed in as <strong>{user.name}</strong>
          <span className="meta">{user.email}</span>
        </span>
        <Link to={page.signIn(pathname)}>Not you?</Link>
      </p>
      {scopes.length > 0 && (
        <section className="fields">
          <h2>It asks to:</h2>
          <ScopeList scopes={scopes} />
        </section>
      )}
      <PolicyLinks client={client} />
      <AuthProblem error={error} />
      <Decision deciding={deciding} onDecide={(accept) => void decide(accept)} />
      <p className="form-foot">
        <button type="button" className="link" disabled={deciding !== null} onClick={() => onBack(null)}>
          Enter another code
        </button>
      </p>
    </div>
  );
}

function Done({ request, allowed }: { request: DeviceRequest; allowed: boolean }) {
  const heading = useFocusOnMount<HTMLHeadingElement>();
  const name = <bdi>{applicationName(request.client)}</bdi>;
  return (
    <div className="card form" data-testid="device-done" data-allowed={allowed}>
      <h1 ref={heading} tabIndex={-1}>
        {allowed ? "The device is connected" : "The device was not let in"}
      </h1>
      {allowed ? (
        <p>
          {name} goes on by itself in a few seconds. You can close this page. To withdraw the access, look under{" "}
          <Link to={page.account}>Account</Link>.
        </p>
      ) : (
        <p>{name} has no access to your account. You can close this page.</p>
      )}
    </div>
  );
}
