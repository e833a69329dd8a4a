import { useCallback, useEffect, useRef, useState } from "react";

/** How near to the end still counts as being there, in CSS pixels. */
const NEAR = 48;

/** Keeps a growing log at its end until the reader scrolls up; `pinned` tells which. */
export function useStickToBottom() {
  const log = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const [pinned, setPinned] = useState(true);
  const pinnedNow = useRef(true);

  const toBottom = useCallback(() => {
    const box = log.current;
    if (box === null) return;
    pinnedNow.current = true;
    setPinned(true);
    box.scrollTop = box.scrollHeight;
  }, []);

  useEffect(() => {
    const box = log.current;
    if (box === null || content.current === null) return;
    const observer = new ResizeObserver(() => {
      if (pinnedNow.current) box.scrollTop = box.scrollHeight;
    });
    observer.observe(content.current);
    observer.observe(box);
    let before = box.scrollTop;
    const scrolled = () => {
      const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
      // Content that grows moves the end away without the reader having moved: only going up unpins.
      if (atEnd || box.scrollTop < before) {
        pinnedNow.current = atEnd;
        setPinned(atEnd);
      }
      before = box.scrollTop;
    };
    box.addEventListener("scroll", scrolled, { passive: true });
    return () => {
      observer.disconnect();
      box.removeEventListener("scroll", scrolled);
    };
  }, []);

  return { log, content, pinned, toBottom };
}
