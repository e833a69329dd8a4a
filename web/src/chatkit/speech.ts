/** What a screen reader is told of an answer while it streams: whole sentences, without markup. */

const SENTENCE = /[^\n]*?(?:[.!?]+(?=\s)|\n)/gu;

/** The complete sentences of `markdown`; all of it once the answer is `complete`. */
export function sentences(markdown: string, complete: boolean): string[] {
  const text = speakable(markdown);
  const found = text.match(SENTENCE) ?? [];
  const rest = text.slice(found.join("").length);
  return [...found, ...(complete ? [rest] : [])].map((sentence) => sentence.trim()).filter(Boolean);
}

function speakable(markdown: string): string {
  return markdown
    .replace(/```[\s\S]*?(?:```|$)/g, "Code block.\n")
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/^[ \t]*(?:#{1,6}|>|[-*+]|\d+\.)[ \t]+/gm, "")
    .replace(/[*_`$|~]/g, "");
}
