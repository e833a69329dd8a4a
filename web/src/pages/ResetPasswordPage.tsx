import { useState, type SyntheticEvent } from "react";
import { Link, useNavigate, useSearchParams } from "react-router";
import { page } from "../api/urls";
import { authClient } from "../auth/client";
import { isAboutNewPassword, NewPasswordField } from "../auth/NewPasswordField";
import { missingRules } from "../auth/password";
import { useAuthCall } from "../auth/use-auth-call";
import { AuthProblem } from "../components/AuthProblem";
import { focusInvalid, useFocusOnMount } from "../lib/focus";
import { useTitle } from "../lib/hooks";

/** Where the mailed link ends: with `?token=`, or with `?error=` when it was refused. */
export function ResetPasswordPage() {
  useTitle("Set a new password");
  const [search] = useSearchParams();
  const token = search.get("token") ?? "";
  if (search.has("error") || token === "") return <BadLink />;
  return <NewPassword token={token} />;
}

function NewPassword({ token }: { token: string }) {
  const navigate = useNavigate();
  const [password, setPassword] = useState("");
  const [submitted, setSubmitted] = useState(false);
  const { sending, error, run } = useAuthCall();

  const reset = async () => {
    setSubmitted(true);
    if (missingRules(password).length > 0) return;
    const settled = await run(() => authClient.resetPassword({ newPassword: password, token }));
    if (settled.ok) await navigate("/sign-in", { replace: true, state: { notice: "password-reset" } });
  };
  const submit = (event: SyntheticEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    void reset().then(() => focusInvalid(form));
  };

  if (error?.kind === "bad-link") return <BadLink />;
  return (
    <form className="card form" noValidate onSubmit={submit}>
      <h1>Set a new password</h1>
      <p>You are signed out on all devices when it is set, and sign in again with the new one.</p>
      {!isAboutNewPassword(error) && <AuthProblem error={error} onRetry={() => void reset()} />}
      <NewPasswordField label="New password" value={password} onChange={setPassword} submitted={submitted} error={error} />
      <button type="submit" className="button primary wide" disabled={sending}>
        {sending ? "Setting the password…" : "Set the password"}
      </button>
    </form>
  );
}

function BadLink() {
  const heading = useFocusOnMount<HTMLHeadingElement>();
  return (
    <div className="card form" data-testid="reset-refused">
      <h1 ref={heading} tabIndex={-1}>This link does not work any more</h1>
      <p>Links to set a password are valid for one hour and work once. If you have asked for several, only the newest counts.</p>
      <Link className="button primary wide" to={page.forgotPassword}>
        Send me a new link
      </Link>
      <p className="form-foot">
        <Link to="/sign-in">Back to signing in</Link>
      </p>
    </div>
  );
}
