import { isObject, stringMember, type JsonObject } from "./json";

/** The request never got an answer: no network, or the server is gone. */
export const NETWORK = "NETWORK";

/** A refusal by the server, from problem+json (`reason`, `detail`) or from ChatKit (`code`, `message`). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly extras: JsonObject = {},
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(message);
    this.name = "ApiError";
  }

  /** Whether the same request may succeed later without anything changing. */
  get temporary(): boolean {
    return this.code === NETWORK || this.status >= 500;
  }
}

export function parseProblem(status: number, body: unknown, retryAfter: string | null): ApiError {
  const members = isObject(body) ? body : {};
  const code = stringMember(members, "reason") ?? stringMember(members, "code") ?? defaultCode(status);
  const message = stringMember(members, "detail") ?? stringMember(members, "message") ?? defaultMessage(status);
  const seconds = retryAfter === null ? Number.NaN : Number(retryAfter);
  return new ApiError(status, code, message, members, Number.isFinite(seconds) ? seconds : null);
}

/** `fetch` that turns every failure but an abort into an ApiError. */
export async function send(url: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { credentials: "same-origin", ...init });
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError(0, NETWORK, "The server cannot be reached. Check your connection and try again.");
  }
  if (response.ok) return response;
  const body: unknown = await response.json().catch(() => null);
  throw parseProblem(response.status, body, response.headers.get("retry-after"));
}

export async function getJson<T>(url: string, signal?: AbortSignal): Promise<T> {
  const response = await send(url, signal ? { signal } : {});
  return (await response.json()) as T;
}

export async function postJson<T>(url: string, body: unknown = {}): Promise<T> {
  const response = await send(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return (await response.json()) as T;
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** Anything thrown, as an ApiError; defects are logged and shown as an internal error. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  console.error(error);
  return new ApiError(500, "INTERNAL", "Something went wrong on this page. Try again.");
}

function defaultCode(status: number): string {
  if (status === 401) return "UNAUTHENTICATED";
  if (status === 403) return "FORBIDDEN";
  if (status === 404) return "NOT_FOUND";
  if (status === 429) return "TOO_MANY_REQUESTS";
  return status === 502 || status === 503 || status === 504 ? "SERVICE_UNAVAILABLE" : "INTERNAL";
}

function defaultMessage(status: number): string {
  if (status === 429) return "Too many requests. Wait a moment and try again.";
  if (status >= 502 && status <= 504) return "The service is not available right now. Try again in a moment.";
  return `The server refused the request (${status}).`;
}
