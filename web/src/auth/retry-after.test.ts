import { expect, test } from "vitest";
import { withRetryAfter } from "./retry-after";

const refusal = (status: number, headers: HeadersInit, body: string | null = '{"message":"Too many requests."}') =>
  withRetryAfter(new Response(body, { status, headers }));

test("the seconds to wait join the body", async () => {
  const response = await refusal(429, { "x-retry-after": "8" });
  expect(response.status).toBe(429);
  expect(await response.json()).toEqual({ message: "Too many requests.", retryAfter: 8 });
});

test("a refusal without a body still tells the seconds", async () => {
  expect(await (await refusal(429, { "retry-after": "3" }, null)).json()).toEqual({ retryAfter: 3 });
});

test("other answers pass as they are", async () => {
  expect(await (await refusal(503, { "retry-after": "3" })).json()).toEqual({ message: "Too many requests." });
  expect(await (await refusal(429, {})).json()).toEqual({ message: "Too many requests." });
});
