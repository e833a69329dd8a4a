import { useEffect } from "react";
import { authClient } from "./client";

/**
 * Looks again who is signed in, as the server has it and not as a cookie remembers it, whenever the
 * page is come back to. The client itself does so only when a hidden page becomes visible.
 */
export function useRefetchOnFocus(): void {
  const { refetch } = authClient.useSession();
  useEffect(() => {
    const look = () => void refetch({ query: { disableCookieCache: true } });
    window.addEventListener("focus", look);
    return () => window.removeEventListener("focus", look);
  }, [refetch]);
}
