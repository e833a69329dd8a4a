import { useEffect, useRef, type RefObject } from "react";

/** For what takes the place of the element that had the focus. */
export function useFocusOnMount<T extends HTMLElement>(): RefObject<T | null> {
  const element = useRef<T>(null);
  useEffect(() => element.current?.focus({ preventScroll: true }), []);
  return element;
}

/** To the first field that is wrong, once the form shows which are. */
export function focusInvalid(form: HTMLFormElement): void {
  requestAnimationFrame(() => form.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
}

/** A ref for a message that may lie out of sight when the page opens. */
export function scrollIntoView(element: HTMLElement | null): void {
  element?.scrollIntoView({ block: "center" });
}
