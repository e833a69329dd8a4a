import { useState } from "react";
import { Link } from "react-router";
import type { Completion, Lesson } from "../api/types";
import { api, page } from "../api/urls";
import { Icon } from "../components/icons";
import { asApiError, postJson, type ApiError } from "../lib/http";

interface LessonFooterProps {
  lesson: Lesson;
  onCompleted: () => void;
}

export function LessonFooter({ lesson, onCompleted }: LessonFooterProps) {
  const [completion, setCompletion] = useState<Completion | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [sending, setSending] = useState(false);
  const course = lesson.course.slug;

  const complete = async () => {
    setSending(true);
    setError(null);
    try {
      setCompletion(await postJson<Completion>(api.completion(course, lesson.slug)));
      onCompleted();
    } catch (thrown) {
      setError(asApiError(thrown));
    }
    setSending(false);
  };

  return (
    <footer className="lesson-footer">
      <div className="completion">
        {lesson.completed ? (
          <p className="completed">
            <Icon name="check" /> Completed
          </p>
        ) : (
          <button type="button" className="button primary" disabled={sending} onClick={() => void complete()}>
            Mark complete
          </button>
        )}
        <p role="status">
          {completion !== null && `${completion.progress.completed} of ${completion.progress.total} lessons done. `}
          {completion?.unlocked_stage && (
            <strong>
              Stage {completion.unlocked_stage.ordinal}, {completion.unlocked_stage.title}, is now unlocked.
            </strong>
          )}
          {error?.message}
        </p>
      </div>
      <nav className="pager" aria-label="Lessons before and after">
        {lesson.prev && (
          <Link to={page.lesson(course, lesson.prev.slug)} rel="prev">
            <small>
              <Icon name="arrowLeft" /> Previous
            </small>
            {lesson.prev.title}
          </Link>
        )}
        {lesson.next && <NextLink course={course} next={lesson.next} />}
      </nav>
    </footer>
  );
}

function NextLink({ course, next }: { course: string; next: NonNullable<Lesson["next"]> }) {
  if (next.locked) {
    return (
      <span className="pager-next locked">
        <small>
          <Icon name="lock" /> Next, still locked
        </small>
        {next.title}
      </span>
    );
  }
  return (
    <Link className="pager-next" to={page.lesson(course, next.slug)} rel="next">
      <small>
        Next <Icon name="arrowRight" />
      </small>
      {next.title}
    </Link>
  );
}
