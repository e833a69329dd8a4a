import { lazy, Suspense, useCallback, useEffect, useRef, useState } from "react";
import { Link, useParams } from "react-router";
import type { Lesson } from "../api/types";
import { api, page } from "../api/urls";
import { useSessionKey, useUser } from "../auth/use-user";
import type { AskRequest } from "../chat/ChatPanel";
import type { PageContext } from "../chatkit/types";
import { ErrorState, State } from "../components/ErrorState";
import { Icon } from "../components/icons";
import { Contents } from "../lesson/Contents";
import { hasContents, headingPath } from "../lesson/headings";
import { LessonBody } from "../lesson/LessonBody";
import { LessonFooter } from "../lesson/LessonFooter";
import { hasTitle } from "../lesson/prepare";
import { SelectionAsk } from "../lesson/SelectionAsk";
import { useChatFocus } from "../lesson/use-chat-focus";
import { useActiveHeading } from "../lesson/use-active-heading";
import { useMediaQuery, useTitle } from "../lib/hooks";
import type { ApiError } from "../lib/http";
import { recall, remember } from "../lib/storage";
import { useResource } from "../lib/use-resource";

const ChatPanel = lazy(() => import("../chat/ChatPanel"));
const OPEN_KEY = "intellistack.chat-open";
/** Narrower than this the chat lies over the lesson instead of beside it; as in lesson.css. */
const NARROW = "(max-width: 60rem)";

export default function LessonPage() {
  const { course = "", lesson: slug = "" } = useParams();
  const user = useUser();
  const sessionKey = useSessionKey();
  const { resource, reload } = useResource<Lesson>(
    sessionKey === null ? null : api.lesson(course, slug),
    sessionKey ?? "",
  );
  const lesson = resource.status === "ready" ? resource.data : null;
  useTitle(lesson?.title ?? "Lesson");

  const narrow = useMediaQuery(NARROW);
  const [chatOpen, setChatOpen] = useState(() => !window.matchMedia(NARROW).matches && recall(OPEN_KEY) !== "no");
  const [request, setRequest] = useState<AskRequest | null>(null);
  const toggle = (open: boolean) => {
    setChatOpen(open);
    if (!narrow) remember(OPEN_KEY, open ? "yes" : "no");
  };
  const ask = useCallback((wish: AskRequest) => {
    setChatOpen(true);
    setRequest(wish);
  }, []);

  const body = useRef<HTMLDivElement>(null);
  const active = useActiveHeading(body, lesson?.html ?? "");
  const context = usePageContext(course, slug, lesson, active);
  const canChat = user?.emailVerified === true && resource.status !== "failed";

  const beside = useMediaQuery(canChat && chatOpen ? "(min-width: 90rem)" : "(min-width: 75rem)");
  const contents = lesson && hasContents(lesson.headings) && <Contents headings={lesson.headings} active={active} beside={beside} />;

  const columns = beside && (resource.status === "loading" || contents) ? "beside" : "above";
  const aside = useRef<HTMLElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useChatFocus(chatOpen, aside, button);

  return (
    <div className="lesson-page" data-chat={canChat && chatOpen ? "open" : "closed"} data-contents={columns}>
      <div className="lesson-main" inert={narrow && chatOpen && canChat}>
        {resource.status === "loading" && <LessonSkeleton />}
        {resource.status === "failed" && <LessonError error={resource.error} course={course} onRetry={reload} />}
        {lesson && (
          <>
            {beside && contents}
            <article className="lesson">
              <LessonHeader lesson={lesson} />
              {!beside && contents}
              <LessonBody root={body} lesson={lesson} onAsk={ask} />
              {canChat && <SelectionAsk root={body} onAsk={(quote) => ask({ quote, text: "" })} />}
              <LessonFooter key={lesson.slug} lesson={lesson} onCompleted={reload} />
            </article>
          </>
        )}
      </div>
      {canChat && (
        <>
          <aside className="chat-aside" aria-label="Tutor" ref={aside} tabIndex={-1} hidden={!chatOpen}>
            <Suspense fallback={<p className="chat-empty">Loading the tutor…</p>}>
              <ChatPanel
                key={`${user.id}.${course}`}
                storageKey={`intellistack.thread.${user.id}.${course}`}
                context={context}
                request={request}
                onClose={() => toggle(false)}
                onFollowCitation={() => narrow && toggle(false)}
              />
            </Suspense>
          </aside>
          {!chatOpen && (
            <button type="button" ref={button} className="chat-open" data-testid="chat-open" onClick={() => toggle(true)}>
              <Icon name="chat" /> Ask the tutor
            </button>
          )}
        </>
      )}
    </div>
  );
}

/** Where the student is when a question is sent; read then, not when it was typed. */
function usePageContext(course: string, slug: string, lesson: Lesson | null, active: string) {
  const read = (): PageContext => ({
    course,
    lesson: slug,
    page_url: window.location.pathname + window.location.hash,
    page_title: lesson?.title ?? "",
    heading_path: headingPath(lesson?.headings ?? [], active),
    heading_anchor: active,
  });
  const context = useRef(read);
  useEffect(() => {
    context.current = read;
  });
  return context;
}

function LessonHeader({ lesson }: { lesson: Lesson }) {
  return (
    <header className="lesson-header">
      <nav aria-label="Breadcrumb">
        <Link to={page.course(lesson.course.slug)}>{lesson.course.title}</Link>
        <span>
          Stage {lesson.stage.ordinal}, {lesson.stage.title}
        </span>
      </nav>
      {!hasTitle(lesson.html) && (
        <h1>
          {lesson.number !== null && <span className="lesson-number">{lesson.number}</span>} {lesson.title}
        </h1>
      )}
    </header>
  );
}

function LessonError({ error, course, onRetry }: { error: ApiError; course: string; onRetry: () => void }) {
  if (error.code !== "NOT_ENROLLED") return <ErrorState error={error} onRetry={onRetry} />;
  return (
    <State title="Enrol to read this lesson" text="Lessons open once you are enrolled in the course.">
      <Link className="button primary" to={page.course(course)}>
        Go to the course
      </Link>
    </State>
  );
}

function LessonSkeleton() {
  return (
    <div className="lesson skeleton" role="status" aria-label="Loading the lesson">
      <i />
      <i />
      <i />
      <i />
    </div>
  );
}
