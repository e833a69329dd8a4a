import { useEffect, useRef, type RefObject } from "react";

/** Moves the focus into the chat when it opens and back to its button when it closes. */
export function useChatFocus(open: boolean, chat: RefObject<HTMLElement | null>, button: RefObject<HTMLElement | null>) {
  const before = useRef(open);
  useEffect(() => {
    if (before.current === open) return;
    before.current = open;
    // A question from the lesson has put the focus into the composer already.
    if (!open) button.current?.focus();
    else if (!chat.current?.contains(document.activeElement)) chat.current?.focus();
  }, [open, chat, button]);
}
