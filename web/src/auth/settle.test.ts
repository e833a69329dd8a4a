import { afterEach, expect, test, vi } from "vitest";
import { settle, settleFresh } from "./settle";

afterEach(() => vi.restoreAllMocks());

const refused = (status: number, code: string) => ({ data: null, error: { status, code } });
const done = { data: { status: true }, error: null };

test("an unreachable server is told, not thrown", async () => {
  vi.spyOn(console, "error").mockImplementation(() => undefined);
  const settled = await settle(() => Promise.reject(new TypeError("Failed to fetch")));
  expect(settled).toEqual({ ok: false, error: { kind: "unavailable" } });
});

test("after signing in again the call is repeated once", async () => {
  const call = vi.fn().mockResolvedValueOnce(refused(403, "SESSION_NOT_FRESH")).mockResolvedValueOnce(done);
  expect(await settleFresh(call, () => Promise.resolve(true))).toEqual({ ok: true, data: { status: true } });
  expect(call).toHaveBeenCalledTimes(2);
});

test("whoever does not want to sign in again keeps the refusal", async () => {
  const call = vi.fn().mockResolvedValue(refused(403, "SESSION_NOT_FRESH"));
  expect(await settleFresh(call, () => Promise.resolve(false))).toEqual({ ok: false, error: { kind: "not-fresh" } });
  expect(call).toHaveBeenCalledTimes(1);
});

test("other refusals ask for nothing", async () => {
  const renew = vi.fn();
  await settleFresh(() => Promise.resolve(refused(400, "INVALID_PASSWORD")), renew);
  expect(renew).not.toHaveBeenCalled();
});
