import { Link, useLocation } from "react-router";
import { page } from "../api/urls";
import type { Problem } from "../chatkit/reducer";
import { VerifyNotice } from "../components/VerifyNotice";

const REMEDIES = {
  "send-draft": "Try again",
  "ask-again": "Ask again",
  reload: "Load the conversation",
};

export function ProblemNotice({ problem, onRetry }: { problem: Problem; onRetry: () => void }) {
  const { pathname } = useLocation();
  if (problem.code === "EMAIL_NOT_VERIFIED") return <VerifyNotice />;
  return (
    <div className="notice danger" role="alert" data-testid="chat-problem" data-code={problem.code}>
      <p>{problem.message}</p>
      {problem.code === "UNAUTHENTICATED" && (
        <Link className="button small" to={page.signIn(pathname)}>
          Sign in again
        </Link>
      )}
      {problem.remedy !== null && (
        <button type="button" className="button small" onClick={onRetry}>
          {REMEDIES[problem.remedy]}
        </button>
      )}
    </div>
  );
}
