import { Link } from "react-router";
import { State } from "../components/ErrorState";
import { useTitle } from "../lib/hooks";

export function NotFoundPage() {
  useTitle("Page not found");
  return (
    <State title="There is no such page" text="The address may be misspelt, or the page has moved.">
      <Link className="button primary" to="/courses">
        Go to the courses
      </Link>
    </State>
  );
}
