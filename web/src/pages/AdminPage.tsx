import { useAuth } from "../auth/use-user";
import { AiUsage } from "../admin/AiUsage";
import { AuthEvents } from "../admin/AuthEvents";
import { ErrorState, State } from "../components/ErrorState";
import { useTitle } from "../lib/hooks";
import { ApiError } from "../lib/http";

const SIGN_IN = new ApiError(401, "UNAUTHENTICATED", "Sign in to see this page.");

export default function AdminPage() {
  useTitle("Admin");
  const auth = useAuth();
  if (auth.status === "loading") return <p className="loading">Loading…</p>;
  if (auth.status === "signed-out") return <ErrorState error={SIGN_IN} onRetry={() => undefined} />;
  if (auth.user.role !== "admin") return <State title="For administrators" text="Your account has no access to this page." />;
  return (
    <div className="page wide">
      <h1>Admin</h1>
      <AuthEvents />
      <AiUsage />
    </div>
  );
}
