import { parseAuthError, type AuthError } from "./errors";

/** What a method of the auth client answers. */
export interface Answer<T> {
  data: T | null;
  error: unknown;
}

export type Settled<T> = { ok: true; data: T } | { ok: false; error: AuthError };

/** Runs a call of the auth client, which throws when the server cannot be reached at all. */
export async function settle<T>(call: () => Promise<Answer<T>>): Promise<Settled<T>> {
  let answer: Answer<T>;
  try {
    answer = await call();
  } catch (thrown) {
    console.error(thrown);
    return { ok: false, error: { kind: "unavailable" } };
  }
  if (answer.error) return { ok: false, error: parseAuthError(answer.error) };
  // Some answers are an empty body, which the client hands on as null.
  return { ok: true, data: answer.data as T };
}

/** As `settle`; an answer that the session is too old is asked about once, then the call is repeated. */
export async function settleFresh<T>(
  call: () => Promise<Answer<T>>,
  renew: (() => Promise<boolean>) | null,
): Promise<Settled<T>> {
  const first = await settle(call);
  if (first.ok || first.error.kind !== "not-fresh" || renew === null) return first;
  return (await renew()) ? settle(call) : first;
}
