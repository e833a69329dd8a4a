import { memo, useEffect, useMemo, useState, type RefObject } from "react";
import { useNavigate } from "react-router";
import type { Lesson } from "../api/types";
import type { AskRequest } from "../chat/ChatPanel";
import { copyText } from "../lib/copy";
import { enhance } from "./enhance";
import { prepareLesson } from "./prepare";
import { readableText } from "./readable-text";
import { useArrival } from "./use-arrival";

interface LessonBodyProps {
  root: RefObject<HTMLDivElement | null>;
  lesson: Lesson;
  onAsk: (request: AskRequest) => void;
}

export const LessonBody = memo(function LessonBody({ root, lesson, onAsk }: LessonBodyProps) {
  const navigate = useNavigate();
  const html = useMemo(() => prepareLesson(lesson.html, lesson.exercises), [lesson.html, lesson.exercises]);
  const [enhanced, setEnhanced] = useState<string | null>(null);
  useArrival(root, enhanced === html);

  useEffect(() => {
    if (root.current === null) return;
    let current = true;
    // Formulas change the layout: where a heading is, is known only afterwards.
    void enhance(root.current).then(() => {
      if (current) setEnhanced(html);
    });
    return () => {
      current = false;
    };
  }, [root, html]);

  useEffect(() => {
    const body = root.current;
    if (body === null) return;
    const clicked = (event: MouseEvent) => {
      if (!(event.target instanceof Element)) return;
      const action = event.target.closest<HTMLElement>("[data-action]");
      if (action?.dataset.action === "copy") copyCode(action);
      if (action?.dataset.action === "ask") onAsk(exerciseQuestion(action));
      const path = internalPath(event);
      if (path !== null) {
        event.preventDefault();
        void navigate(path);
      }
    };
    body.addEventListener("click", clicked);
    return () => body.removeEventListener("click", clicked);
  }, [root, navigate, onAsk]);

  return <div ref={root} className="prose lesson-body" dangerouslySetInnerHTML={{ __html: html }} />;
});

function copyCode(button: HTMLElement): void {
  const code = button.closest(".code")?.querySelector("code");
  void copyText(code?.textContent ?? "").then((copied) => {
    if (!copied) return;
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
}

function exerciseQuestion(button: HTMLElement): AskRequest {
  const section = button.closest("section");
  return { quote: section === null ? "" : readableText(section), text: "Give me a hint for this exercise." };
}

/** The path of a plain click on a link within the app; null for any other click. */
function internalPath(event: MouseEvent): string | null {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return null;
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (link?.target !== "" || link.origin !== window.location.origin) return null;
  return link.pathname.startsWith("/api/") ? null : link.pathname + link.search + link.hash;
}
