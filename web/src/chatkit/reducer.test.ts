import { describe, expect, test } from "vitest";
import { ApiError, NETWORK } from "../lib/http";
import { initialState, PENDING_ID, reduce, type ChatAction, type ChatState } from "./reducer";
import type { AssistantItem, Citation, StreamEvent, Thread, UserItem } from "./types";

const thread: Thread = { id: "thr_1", title: null, createdAt: "2026-11-23T08:00:00.000Z", closed: null };
const question: UserItem = { type: "user_message", id: "msg_1", text: "Why?", quote: null };
const answer = (text: string, citations: Citation[] = []): AssistantItem => ({
  type: "assistant_message",
  id: "msg_2",
  text,
  citations,
});
const citation: Citation = { title: "Vectors › Length", url: "/courses/c/lessons/l#length", description: null };

const sent: ChatAction = { type: "sent", question: { text: "Why?", quote: null } };
const event = (value: StreamEvent): ChatAction => ({ type: "event", event: value });
const run = (actions: ChatAction[], from: ChatState = initialState) => actions.reduce(reduce, from);

const untilAnswering: ChatAction[] = [
  sent,
  event({ type: "thread", thread }),
  event({ type: "item.done", item: question }),
  event({ type: "progress", text: "Searching the lessons…" }),
  event({ type: "item.added", item: answer("") }),
  event({ type: "text", itemId: "msg_2", delta: "Be" }),
  event({ type: "text", itemId: "msg_2", delta: "cause." }),
];

describe("a question and its answer", () => {
  test("the question is shown at once and leaves the composer", () => {
    const state = run([{ type: "draft", draft: { text: "Why?" } }, sent]);
    expect(state.messages).toEqual([{ ...question, id: PENDING_ID, pending: true }]);
    expect(state).toMatchObject({ draft: { text: "", quote: null }, phase: "sending" });
  });

  test("the server's copy takes the place of the optimistic one", () => {
    const state = run(untilAnswering.slice(0, 4));
    expect(state.messages).toEqual([{ ...question, pending: false }]);
    expect(state).toMatchObject({ phase: "answering", progress: "Searching the lessons…", thread: { id: "thr_1" } });
  });

  test("text grows as it streams and ends the progress line", () => {
    const state = run(untilAnswering);
    expect(state.messages[1]).toMatchObject({ text: "Because.", state: "streaming" });
    expect(state.progress).toBeNull();
  });

  test("the finished item is authoritative, but keeps citations that only the stream had", () => {
    const state = run([
      ...untilAnswering,
      event({ type: "citation", itemId: "msg_2", citation }),
      event({ type: "item.done", item: answer("Because it is.") }),
      { type: "ended" },
    ]);
    expect(state.messages[1]).toEqual({ ...answer("Because it is.", [citation]), state: "done" });
    expect(state).toMatchObject({ phase: "idle", problem: null });
  });

  test("an item that is finished without having been announced is shown", () => {
    const state = run([...untilAnswering.slice(0, 3), event({ type: "item.done", item: answer("Hi.") })]);
    expect(state.messages[1]).toMatchObject({ text: "Hi.", state: "done" });
  });

  test("quota and mode are kept across threads", () => {
    const quota = { limit: 20, remaining: 19, resetsAt: null };
    const state = run([event({ type: "quota", quota }), event({ type: "mode", mode: "offline" }), { type: "new-thread" }]);
    expect(state).toMatchObject({ quota, mode: "offline", thread: null, messages: [] });
  });
});

describe("when something goes wrong", () => {
  test("a refused question returns to the composer, in front of what was typed since", () => {
    const refusal = new ApiError(503, "SERVICE_UNAVAILABLE", "Try again.");
    const asked: ChatAction = { type: "sent", question: { text: "Why?", quote: "a vector" } };
    const state = run([asked, { type: "draft", draft: { text: "And" } }, { type: "failed", error: refusal }]);
    expect(state.messages).toEqual([]);
    expect(state.draft).toEqual({ text: "Why?\nAnd", quote: "a vector" });
    expect(state.problem).toEqual({ code: "SERVICE_UNAVAILABLE", message: "Try again.", remedy: "send-draft" });
  });

  test("an exhausted quota is shown with the time it resets and offers no retry", () => {
    const extras = { limit: 20, remaining: 0, resets_at: "2026-11-23T15:00:00.000Z" };
    const state = run([sent, { type: "failed", error: new ApiError(429, "QUOTA_EXCEEDED", "None left.", extras) }]);
    expect(state.quota).toEqual({ limit: 20, remaining: 0, resetsAt: "2026-11-23T15:00:00.000Z" });
    expect(state.problem?.remedy).toBeNull();
  });

  test("a connection lost in the answer keeps the part that came and offers to load the rest", () => {
    const state = run([...untilAnswering, { type: "failed", error: new ApiError(0, NETWORK, "Lost.") }]);
    expect(state.messages[1]).toMatchObject({ text: "Because.", state: "broken" });
    expect(state.problem?.remedy).toBe("reload");
  });

  test("a stream that ends early is a lost connection", () => {
    expect(run([...untilAnswering, { type: "ended" }]).problem).toMatchObject({ code: NETWORK, remedy: "reload" });
    expect(run([...untilAnswering.slice(0, 3), { type: "ended" }]).problem?.remedy).toBe("reload");
    expect(run([sent, { type: "ended" }])).toMatchObject({ draft: { text: "Why?" }, messages: [] });
  });

  test.each([
    [true, "ask-again"],
    [false, null],
  ])("an error event with allow_retry %s offers %s", (allowRetry, remedy) => {
    const state = run([...untilAnswering, event({ type: "error", message: null, allowRetry }), { type: "ended" }]);
    expect(state.problem).toMatchObject({ code: "STREAM_ERROR", remedy });
    expect(state.messages[1]).toMatchObject({ state: "broken" });
  });

  test("stopping keeps both messages", () => {
    const state = run([...untilAnswering, { type: "stopped" }]);
    expect(state.messages.map(({ id }) => id)).toEqual(["msg_1", "msg_2"]);
    expect(state.messages[1]).toMatchObject({ state: "stopped" });
    expect(state).toMatchObject({ phase: "idle", problem: null });
  });

  test("a question stopped before it was taken does not clash with the next one", () => {
    const state = run([sent, { type: "stopped" }, sent]);
    expect(new Set(state.messages.map(({ id }) => id)).size).toBe(2);
  });
});

test("loading a thread replaces what was shown", () => {
  const state = run([...untilAnswering, { type: "loading", keepMessages: false }, { type: "loaded", thread, items: [question] }]);
  expect(state.messages).toEqual([{ ...question, pending: false }]);
  expect(state.phase).toBe("idle");
});
