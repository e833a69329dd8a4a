import { useEffect, useRef, type RefObject } from "react";
import { NavigationType, useLocation, useNavigationType } from "react-router";

/** What a browser does when it loads a page, for pages changed by the app: start at the top, focus the content. */
export function usePageChange(main: RefObject<HTMLElement | null>): void {
  const { pathname, hash } = useLocation();
  const type = useNavigationType();
  const shown = useRef(pathname);

  useEffect(() => {
    if (shown.current === pathname) return;
    shown.current = pathname;
    main.current?.focus({ preventScroll: true });
    // Back and forward restore the position themselves; an anchor has its own.
    if (type !== NavigationType.Pop && hash === "") window.scrollTo({ top: 0, behavior: "instant" });
  }, [main, pathname, hash, type]);
}
