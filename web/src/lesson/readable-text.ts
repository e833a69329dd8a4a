/** The text of a part of the lesson as the tutor should read it: formulas as TeX, without the app's controls. */
export function readableText(part: DocumentFragment | Element): string {
  const copy = document.createElement("div");
  copy.append(part.cloneNode(true));
  for (const formula of copy.querySelectorAll(".katex")) {
    const tex = formula.querySelector("annotation")?.textContent;
    formula.replaceWith(tex === undefined ? "" : `$${tex}$`);
  }
  for (const control of copy.querySelectorAll("button, .anchor, .code-bar, .exercise-label")) control.remove();
  for (const block of copy.querySelectorAll("p, li, pre, tr, h2, h3, h4, h5, h6")) block.append("\n");
  return copy.textContent.replace(/\n{3,}/g, "\n\n").trim();
}
