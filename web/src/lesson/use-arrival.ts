import { useEffect, type RefObject } from "react";
import { useLocation } from "react-router";

/** How long the heading is lit up, and kept in place while images above it take their room. */
const ARRIVAL_MS = 2600;

/** What a reader does to go elsewhere. */
const LEAVING = ["wheel", "touchmove", "pointerdown", "keydown"] as const;

/** Goes to the heading the address names and lights it up, also when it is named again. */
export function useArrival(root: RefObject<HTMLElement | null>, ready: boolean): void {
  const { hash, key, pathname } = useLocation();

  useEffect(() => {
    const lesson = root.current;
    if (!ready || hash === "" || lesson === null) return;
    const target = document.getElementById(decode(hash.slice(1)));
    if (target === null || !lesson.contains(target)) return;
    const letGo = holdInPlace(lesson, target);
    target.classList.remove("arrived");
    // Reading the layout starts the animation anew.
    target.getBoundingClientRect();
    target.classList.add("arrived");
    const leave = () => {
      letGo();
      target.classList.remove("arrived");
    };
    const timer = setTimeout(leave, ARRIVAL_MS);
    return () => {
      clearTimeout(timer);
      leave();
    };
  }, [root, ready, hash, key, pathname]);
}

/**
 * Scrolls at once, and again whenever the lesson changes its height, until the reader moves on: a
 * smooth scroll would head for where the heading was when it began.
 */
function holdInPlace(lesson: HTMLElement, target: HTMLElement): () => void {
  const align = () => target.scrollIntoView({ block: "start", behavior: "instant" });
  align();
  const resized = new ResizeObserver(align);
  resized.observe(lesson);
  const letGo = () => {
    resized.disconnect();
    for (const event of LEAVING) removeEventListener(event, letGo);
  };
  for (const event of LEAVING) addEventListener(event, letGo, { passive: true });
  return letGo;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
