import { highlight, languageOf } from "../lib/highlight";
import { typeset } from "../lib/maths";

/** Typesets formulas and highlights code in place. What fails stays readable as it is. */
export async function enhance(root: HTMLElement): Promise<void> {
  await Promise.allSettled([
    ...Array.from(root.querySelectorAll<HTMLElement>("span.math:not([data-done])"), typesetIn),
    ...Array.from(root.querySelectorAll<HTMLElement>("pre > code[class*='language-']:not([data-done])"), highlightIn),
  ]);
}

async function typesetIn(span: HTMLElement): Promise<void> {
  span.dataset.done = "";
  span.innerHTML = await typeset(span.textContent, span.classList.contains("math-display"));
}

async function highlightIn(code: HTMLElement): Promise<void> {
  code.dataset.done = "";
  const html = await highlight(code.textContent, languageOf(code.className) ?? "");
  if (html !== null) code.innerHTML = html;
}
