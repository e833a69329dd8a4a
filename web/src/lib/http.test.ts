import { afterEach, expect, test, vi } from "vitest";
import { ApiError, getJson, NETWORK, parseProblem } from "./http";

afterEach(() => vi.unstubAllGlobals());

test("problem+json becomes a typed error with its extras", () => {
  const body = { reason: "STAGE_LOCKED", detail: "Finish stage 1 first.", unlocks_when: "Finish stage 1" };
  const error = parseProblem(403, body, null);
  expect(error).toMatchObject({ status: 403, code: "STAGE_LOCKED", message: "Finish stage 1 first." });
  expect(error.extras.unlocks_when).toBe("Finish stage 1");
  expect(error.temporary).toBe(false);
});

test("a ChatKit refusal carries code, message and Retry-After", () => {
  const error = parseProblem(429, { code: "QUOTA_EXCEEDED", message: "No messages left." }, "90");
  expect(error).toMatchObject({ code: "QUOTA_EXCEEDED", message: "No messages left.", retryAfterSeconds: 90 });
});

test("an answer without a body is still typed", () => {
  expect(parseProblem(401, null, null).code).toBe("UNAUTHENTICATED");
  expect(parseProblem(502, "<html>", null)).toMatchObject({ code: "SERVICE_UNAVAILABLE", temporary: true });
});

test("a failed connection is a temporary error", async () => {
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
  const error: unknown = await getJson("/x").catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ code: NETWORK, temporary: true });
});
