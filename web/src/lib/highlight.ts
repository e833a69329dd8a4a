import type { HLJSApi } from "highlight.js";

let loading: Promise<HLJSApi> | null = null;

/** The highlighter, loaded when the first code is shown. */
export function loadHighlighter(): Promise<HLJSApi> {
  loading ??= import("./highlight-languages").then((module) => module.default);
  return loading;
}

/** `code` as HTML with highlighting classes; null when the language is not known. */
export async function highlight(code: string, language: string): Promise<string | null> {
  const highlighter = await loadHighlighter();
  if (!highlighter.getLanguage(language)) return null;
  return highlighter.highlight(code, { language, ignoreIllegals: true }).value;
}

/** The language named by a class such as `language-python`. */
export function languageOf(className: string): string | null {
  return /(?:^|\s)language-([\w+#-]+)/.exec(className)?.[1] ?? null;
}
