/** The code that a device shows (RFC 8628, section 6.1): letters that are not taken for others. */

const LETTERS = "BCDFGHJKLMNPQRSTVWXZ";
const LENGTH = 8;

export type UserCode = { ok: true; code: string } | { ok: false; problem: string };

/** `typed` in any way that a person copies a code; `code` as the server has it. */
export function parseUserCode(typed: string): UserCode {
  const letters = typed
    .normalize("NFKC")
    .replace(/[\s\p{Pd}._·]/gu, "")
    .replace(/[a-z]/g, (letter) => letter.toUpperCase());
  if (letters === "") return { ok: false, problem: "Enter the code that the device shows." };
  const strangers = [...new Set(letters)].filter((letter) => !LETTERS.includes(letter));
  if (strangers.length > 0) {
    const named = strangers.slice(0, 3).join(", ");
    return { ok: false, problem: `There is no ${named} in a code: it is made of letters, without A, E, I, O, U and Y.` };
  }
  if (letters.length !== LENGTH) return { ok: false, problem: `A code has ${LENGTH} letters; these are ${letters.length}.` };
  return { ok: true, code: `${letters.slice(0, LENGTH / 2)}-${letters.slice(LENGTH / 2)}` };
}

/** What of an address is filled into the form: a whole code or nothing. */
export function codeFromAddress(search: URLSearchParams): string {
  const parsed = parseUserCode(search.get("user_code") ?? "");
  return parsed.ok ? parsed.code : "";
}
