import { useEffect, type RefObject } from "react";
import { useLocation } from "react-router";

/** Goes to the heading the address names and lights it up, also when it is named again. */
export function useArrival(root: RefObject<HTMLElement | null>, ready: boolean): void {
  const { hash, key, pathname } = useLocation();

  useEffect(() => {
    if (!ready || hash === "") return;
    const target = document.getElementById(decode(hash.slice(1)));
    if (target === null || !root.current?.contains(target)) return;
    target.scrollIntoView({ block: "start" });
    target.classList.remove("arrived");
    // Reading the layout starts the animation anew.
    target.getBoundingClientRect();
    target.classList.add("arrived");
    const timer = setTimeout(() => target.classList.remove("arrived"), 2600);
    return () => {
      clearTimeout(timer);
      target.classList.remove("arrived");
    };
  }, [root, ready, hash, key, pathname]);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
