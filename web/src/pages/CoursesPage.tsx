import { Link } from "react-router";
import type { CourseSummary } from "../api/types";
import { api, page } from "../api/urls";
import { useSessionKey } from "../auth/use-user";
import { ErrorState, State } from "../components/ErrorState";
import { useTitle } from "../lib/hooks";
import { plural } from "../lib/words";
import { useResource } from "../lib/use-resource";

export function CoursesPage() {
  useTitle("Courses");
  const sessionKey = useSessionKey();
  const { resource, reload } = useResource<{ courses: CourseSummary[] }>(
    sessionKey === null ? null : api.courses,
    sessionKey ?? "",
  );
  return (
    <div className="page">
      <h1>Courses</h1>
      {resource.status === "loading" && <p className="loading">Loading the courses…</p>}
      {resource.status === "failed" && <ErrorState error={resource.error} onRetry={reload} />}
      {resource.status === "ready" &&
        (resource.data.courses.length === 0 ? (
          <State title="No courses yet" text="They appear here as soon as the administrator has imported one." />
        ) : (
          <ul className="course-list">
            {resource.data.courses.map((course) => (
              <CourseCard key={course.id} course={course} />
            ))}
          </ul>
        ))}
    </div>
  );
}

function CourseCard({ course }: { course: CourseSummary }) {
  return (
    <li className="course-card">
      <h2>
        <Link to={page.course(course.slug)}>{course.title}</Link>
      </h2>
      <p>{course.description}</p>
      <p className="meta">
        {plural(course.stage_count, "stage")} · {plural(course.lesson_count, "lesson")}
        {course.enrolled && <span className="badge">Enrolled</span>}
      </p>
    </li>
  );
}
