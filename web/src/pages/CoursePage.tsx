import { useState } from "react";
import { Link, useNavigate, useParams } from "react-router";
import type { Course, LessonSummary, Stage } from "../api/types";
import { api, page } from "../api/urls";
import { useSessionKey, useUser } from "../auth/use-user";
import { ErrorState } from "../components/ErrorState";
import { Icon } from "../components/icons";
import { useTitle } from "../lib/hooks";
import { asApiError, postJson, type ApiError } from "../lib/http";
import { useResource } from "../lib/use-resource";
import { plural } from "../lib/words";

export function CoursePage() {
  const { course: slug = "" } = useParams();
  const sessionKey = useSessionKey();
  const { resource, reload, replace } = useResource<Course>(
    sessionKey === null ? null : api.course(slug),
    sessionKey ?? "",
  );
  const course = resource.status === "ready" ? resource.data : null;
  useTitle(course?.title ?? "Course");

  if (resource.status === "failed") return <ErrorState error={resource.error} onRetry={reload} />;
  if (course === null) return <p className="loading">Loading the course…</p>;
  return (
    <div className="page course">
      <header className="course-head">
        <h1>{course.title}</h1>
        <p>{course.description}</p>
        <CourseAction course={course} onEnrolled={replace} />
      </header>
      <ol className="stages">
        {course.stages.map((stage) => (
          <StageItem key={stage.ordinal} course={course} stage={stage} />
        ))}
      </ol>
    </div>
  );
}

function CourseAction({ course, onEnrolled }: { course: Course; onEnrolled: (course: Course) => void }) {
  const user = useUser();
  const navigate = useNavigate();
  const [error, setError] = useState<ApiError | null>(null);
  const [sending, setSending] = useState(false);

  const enrol = async () => {
    if (user === null) {
      await navigate(page.signIn(page.course(course.slug)));
      return;
    }
    setSending(true);
    setError(null);
    try {
      onEnrolled(await postJson<Course>(api.enrolment(course.slug)));
    } catch (thrown) {
      setError(asApiError(thrown));
    }
    setSending(false);
  };

  if (course.enrolled) return <Enrolled course={course} />;
  return (
    <>
      <button type="button" className="button primary large" disabled={sending} onClick={() => void enrol()}>
        {user === null ? "Sign in to enrol" : "Enrol in this course"}
      </button>
      {error !== null && <ErrorState error={error} onRetry={() => void enrol()} />}
    </>
  );
}

function Enrolled({ course }: { course: Course }) {
  const { completed, total } = course.progress;
  return (
    <div className="course-progress">
      <div>
        <progress max={Math.max(total, 1)} value={completed} aria-label="Progress" />
        <span>
          {completed} of {plural(total, "lesson")} done
        </span>
      </div>
      {course.next_lesson !== null && (
        <Link className="button primary" to={page.lesson(course.slug, course.next_lesson)}>
          {completed === 0 ? "Start" : "Continue"}
        </Link>
      )}
    </div>
  );
}

function StageItem({ course, stage }: { course: Course; stage: Stage }) {
  const done = stage.lessons.filter(({ completed }) => completed).length;
  return (
    <li className="stage" data-locked={!stage.unlocked}>
      <header>
        <h2>
          <small>Stage {stage.ordinal}</small>
          {stage.title}
        </h2>
        {stage.unlocked && course.enrolled && (
          <span className="meta">
            {done} / {stage.lessons.length}
          </span>
        )}
      </header>
      {!stage.unlocked && (
        <p className="unlocks">
          <Icon name="lock" /> {stage.unlocks_when ?? "Locked"}
        </p>
      )}
      <ol className="lessons">
        {stage.lessons.map((lesson) => (
          <LessonItem key={lesson.slug} course={course.slug} lesson={lesson} />
        ))}
      </ol>
    </li>
  );
}

function LessonItem({ course, lesson }: { course: string; lesson: LessonSummary }) {
  const content = (
    <>
      <span className="lesson-mark" data-done={lesson.completed}>
        {lesson.completed && <Icon name="check" />}
        {lesson.locked && <Icon name="lock" />}
      </span>
      <span className="lesson-number">{lesson.number}</span>
      <span className="lesson-title">
        {lesson.title}
        {lesson.completed && <span className="visually-hidden"> (completed)</span>}
        {lesson.locked && <span className="visually-hidden"> (locked)</span>}
      </span>
      {lesson.exercise_count > 0 && <span className="meta">{plural(lesson.exercise_count, "exercise")}</span>}
    </>
  );
  return <li>{lesson.locked ? <span>{content}</span> : <Link to={page.lesson(course, lesson.slug)}>{content}</Link>}</li>;
}
