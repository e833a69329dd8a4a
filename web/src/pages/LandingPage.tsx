import { Link } from "react-router";
import { useAuth } from "../auth/use-user";
import { Icon, type IconName } from "../components/icons";
import { useTitle } from "../lib/hooks";

const POINTS: { icon: IconName; title: string; text: string }[] = [
  {
    icon: "book",
    title: "Courses in stages",
    text: "Lessons with code, formulas and exercises. Finish a stage and the next one opens.",
  },
  {
    icon: "chat",
    title: "A tutor beside the page",
    text: "Select a sentence you do not understand and ask. The answer names the passages it rests on; a click takes you there.",
  },
  {
    icon: "lock",
    title: "On your own server",
    text: "Accounts, lessons and conversations are stored where this site runs, and its pages load nothing from elsewhere.",
  },
];

export function LandingPage() {
  const auth = useAuth();
  useTitle("Learn with a tutor at hand");
  return (
    <div className="landing">
      <section className="hero">
        <h1>
          Learn step by step,{" "}
          <br />
          with a tutor at hand.
        </h1>
        <p>IntelliStack puts a course and a tutor that has read it on the same page.</p>
        <div className="actions">
          {auth.status === "signed-in" ? (
            <Link className="button primary large" to="/courses">
              Go to your courses
            </Link>
          ) : (
            <>
              <Link className="button primary large" to="/sign-up">
                Create an account
              </Link>
              <Link className="button large" to="/sign-in">
                Sign in
              </Link>
              <Link className="look-around" to="/courses">
                Look at the courses
              </Link>
            </>
          )}
        </div>
      </section>
      <ul className="points">
        {POINTS.map(({ icon, title, text }) => (
          <li key={title}>
            <Icon name={icon} />
            <h2>{title}</h2>
            <p>{text}</p>
          </li>
        ))}
      </ul>
    </div>
  );
}
