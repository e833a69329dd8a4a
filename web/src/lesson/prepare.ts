import type { Exercise } from "../api/types";
import { languageOf } from "../lib/highlight";

/**
 * The lesson's HTML with the app's own controls in it. The server has sanitised it; nothing is added
 * here but elements and text made by this function. `data-action` says what a click on a control does.
 */
export function prepareLesson(html: string, exercises: Exercise[]): string {
  const { body } = new DOMParser().parseFromString(html, "text/html");
  for (const heading of body.querySelectorAll("h2[id], h3[id], h4[id]")) addAnchor(heading);
  for (const code of body.querySelectorAll("pre > code")) frameCode(code);
  for (const section of body.querySelectorAll<HTMLElement>("section.exercise")) {
    const title = exercises.find(({ id }) => id === section.dataset.exercise)?.title ?? null;
    frameExercise(section, title);
  }
  for (const table of body.querySelectorAll("table")) wrap(table, "table-scroll");
  for (const image of body.querySelectorAll("img")) image.loading = "lazy";
  for (const link of body.querySelectorAll<HTMLAnchorElement>("a[href^='http']")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer";
  }
  return body.innerHTML;
}

export function hasTitle(html: string): boolean {
  return /<h1[\s>]/i.test(html);
}

function addAnchor(heading: Element): void {
  const anchor = element("a", "anchor", "#");
  anchor.setAttribute("href", `#${heading.id}`);
  anchor.setAttribute("aria-label", `Link to “${heading.textContent.trim()}”`);
  heading.append(" ", anchor);
}

function frameCode(code: Element): void {
  const pre = code.parentElement;
  if (pre === null) return;
  const bar = element("div", "code-bar");
  const copy = element("button", "copy", "Copy");
  copy.setAttribute("type", "button");
  copy.setAttribute("aria-label", "Copy code");
  copy.dataset.action = "copy";
  bar.append(element("span", "", languageOf(code.className) ?? "text"), copy);
  wrap(pre, "code").prepend(bar);
  // A box that scrolls sideways must be reachable by keyboard.
  pre.tabIndex = 0;
}

function frameExercise(section: HTMLElement, title: string | null): void {
  const hasHeading = section.querySelector("h1, h2, h3, h4, h5, h6") !== null;
  const label = title === null || hasHeading ? "Exercise" : `Exercise: ${title}`;
  section.prepend(element("p", "exercise-label", label));
  const ask = element("button", "button small", "Ask the tutor about this");
  ask.setAttribute("type", "button");
  ask.dataset.action = "ask";
  section.append(ask);
}

function wrap(inner: Element, className: string): HTMLElement {
  const outer = element("div", className);
  inner.replaceWith(outer);
  outer.append(inner);
  return outer;
}

function element(tag: string, className: string, text = ""): HTMLElement {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  made.textContent = text;
  return made;
}
