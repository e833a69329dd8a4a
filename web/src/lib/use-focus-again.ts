import { useEffect } from "react";

/** Calls `look` whenever the page is come back to, while `active`; it should stay the same. */
export function useFocusAgain(look: () => void, active = true): void {
  useEffect(() => {
    if (!active) return;
    window.addEventListener("focus", look);
    return () => window.removeEventListener("focus", look);
  }, [look, active]);
}
