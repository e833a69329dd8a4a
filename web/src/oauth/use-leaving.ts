import { useCallback, useEffect, useRef, useState } from "react";
import { mayLeaveFor } from "./targets";

export type Leaving = "no" | "yes" | "refused";

/** Going elsewhere, once. An application of the device opens beside the page, which stays. */
export function useLeaving() {
  const [leaving, setLeaving] = useState<Leaving>("no");
  const left = useRef(false);

  useEffect(() => {
    // Whoever comes back to the page as it was may decide anew.
    const back = ({ persisted }: PageTransitionEvent) => {
      if (!persisted) return;
      left.current = false;
      setLeaving("no");
    };
    window.addEventListener("pageshow", back);
    return () => window.removeEventListener("pageshow", back);
  }, []);

  const leave = useCallback((url: string) => {
    if (left.current) return;
    left.current = mayLeaveFor(url);
    setLeaving(left.current ? "yes" : "refused");
    if (left.current) window.location.assign(url);
  }, []);
  return { leaving, leave };
}
