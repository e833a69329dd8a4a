import { isObject } from "../lib/json";

/** The client reports only the body of a refusal, so what the headers say of waiting goes into it. */
export async function withRetryAfter(response: Response): Promise<Response> {
  if (response.status !== 429) return response;
  const header = response.headers.get("x-retry-after") ?? response.headers.get("retry-after");
  const retryAfter = header === null ? Number.NaN : Number(header);
  if (!Number.isFinite(retryAfter)) return response;
  const body: unknown = await response.json().catch(() => null);
  return Response.json({ ...(isObject(body) ? body : {}), retryAfter }, { status: 429 });
}
