import { Link, useSearchParams } from "react-router";
import { page } from "../api/urls";
import { useTitle } from "../lib/hooks";
import { describePageError } from "../oauth/page-errors";

/** Where the server leads a person when it must not send them back to the application. */
export default function OAuthErrorPage() {
  const [search] = useSearchParams();
  const code = search.get("error");
  const { title, text } = describePageError(code);
  useTitle(title);
  return (
    <div className="card form" role="alert" data-testid="oauth-error" data-code={code}>
      <h1>{title}</h1>
      <p>{text}</p>
      <Link className="button wide" to={page.courses}>
        Go to the courses
      </Link>
    </div>
  );
}
