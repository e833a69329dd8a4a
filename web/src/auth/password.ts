/**
 * The password policy as the server has it (services/identity/src/domain/password.rs), so that the
 * form can name what is missing before it is sent. The server's word is final.
 */

export const RULES = [
  { rule: "length", label: "at least 12 characters" },
  { rule: "lowercase", label: "a lower-case letter" },
  { rule: "uppercase", label: "an upper-case letter" },
  { rule: "digit", label: "a digit" },
  { rule: "special", label: "a special character, such as ! or -" },
] as const;

export type Rule = (typeof RULES)[number]["rule"];

const TESTS: Record<Rule, (password: string) => boolean> = {
  length: (password) => password.length >= 12,
  lowercase: (password) => /\p{Lowercase}/u.test(password),
  uppercase: (password) => /\p{Uppercase}/u.test(password),
  digit: (password) => /[0-9]/.test(password),
  special: (password) => /[^\p{Alphabetic}\p{N}]/u.test(password),
};

export function missingRules(password: string): Rule[] {
  return RULES.map(({ rule }) => rule).filter((rule) => !TESTS[rule](password));
}

/** "an upper-case letter and a digit" */
export function describeRules(missing: readonly Rule[]): string {
  const labels = RULES.filter(({ rule }) => missing.includes(rule)).map(({ label }) => label);
  const last = labels.pop() ?? "";
  return labels.length === 0 ? last : `${labels.join(", ")} and ${last}`;
}

export function isRule(value: unknown): value is Rule {
  return RULES.some(({ rule }) => rule === value);
}
