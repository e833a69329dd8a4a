import { useEffect, useState, type RefObject } from "react";

/** Below the site header, with room for the heading's own line; in CSS pixels. */
const READING_LINE = 140;

/** The anchor of the heading the reader is under; "" above the first. */
export function useActiveHeading(root: RefObject<HTMLElement | null>, content: string): string {
  const [active, setActive] = useState("");

  useEffect(() => {
    let frame = 0;
    const update = () => {
      frame = 0;
      const headings = Array.from(root.current?.querySelectorAll("h2[id], h3[id]") ?? []);
      const above = headings.findLast((heading) => heading.getBoundingClientRect().top < READING_LINE);
      setActive(above?.id ?? "");
    };
    const schedule = () => {
      frame ||= requestAnimationFrame(update);
    };
    schedule();
    window.addEventListener("scroll", schedule, { passive: true });
    return () => {
      cancelAnimationFrame(frame);
      window.removeEventListener("scroll", schedule);
    };
  }, [root, content]);

  return active;
}
