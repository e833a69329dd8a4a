import { afterEach, expect, test, vi } from "vitest";
import { askQuestion, loadThread, readEvents } from "./client";
import type { PageContext } from "./types";

afterEach(() => vi.unstubAllGlobals());

const context: PageContext = {
  course: "c",
  lesson: "l",
  page_url: "/courses/c/lessons/l",
  page_title: "L",
  heading_path: [],
  heading_anchor: "",
};

function stream(...chunks: string[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(encoder.encode(chunk));
      controller.close();
    },
  });
}

async function all<T>(values: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const value of values) found.push(value);
  return found;
}

/** Answers requests in turn and keeps their bodies. */
function stubFetch(...answers: Response[]): unknown[] {
  const bodies: unknown[] = [];
  vi.stubGlobal("fetch", (_url: string, init: RequestInit) => {
    bodies.push(JSON.parse(typeof init.body === "string" ? init.body : "null"));
    return Promise.resolve(answers.shift() ?? Response.error());
  });
  return bodies;
}

const eventStream = (...chunks: string[]) =>
  new Response(stream(...chunks), { headers: { "content-type": "text/event-stream; charset=utf-8" } });

test("events are read whole, however the bytes are cut, and comments are skipped", async () => {
  const events = await all(readEvents(stream('data: {"a"', ':"é', '"}\n\n: still here\n\n', 'data: {"b":2}\n', "\n")));
  expect(events).toEqual([{ a: "é" }, { b: 2 }]);
});

test("a question carries its quote and the page, and unknown events are ignored", async () => {
  const bodies = stubFetch(
    eventStream('data: {"type":"progress_update","text":"…"}\n\n', 'data: {"type":"stream_options"}\n\n', 'data: {"type":"new"}\n\n'),
  );
  const question = { text: "Why?", quote: "a vector" };
  const events = await all(askQuestion("thr_1", question, context, new AbortController().signal));
  expect(events).toEqual([{ type: "progress", text: "…" }]);
  expect(bodies).toEqual([
    {
      type: "threads.add_user_message",
      params: {
        thread_id: "thr_1",
        input: {
          content: [{ type: "input_text", text: "Why?" }],
          attachments: [],
          inference_options: {},
          quoted_text: "a vector",
        },
      },
      metadata: context,
    },
  ]);
});

test("a first question creates a thread", async () => {
  const bodies = stubFetch(eventStream());
  await all(askQuestion(null, { text: "Why?", quote: null }, context, new AbortController().signal));
  expect(bodies).toMatchObject([{ type: "threads.create", params: { input: { attachments: [] } } }]);
});

test("a refusal before the stream is a typed error", async () => {
  stubFetch(Response.json({ code: "QUOTA_EXCEEDED", message: "None left.", remaining: 0 }, { status: 429 }));
  const asked = all(askQuestion("t", { text: "Why?", quote: null }, context, new AbortController().signal));
  await expect(asked).rejects.toMatchObject({ code: "QUOTA_EXCEEDED", status: 429, extras: { remaining: 0 } });
});

test("a long thread is completed page by page", async () => {
  const item = (id: string) => ({ id, type: "user_message", content: [{ type: "input_text", text: id }] });
  const first = { data: [item("a")], has_more: true, after: "a" };
  const bodies = stubFetch(
    Response.json({ id: "thr_1", created_at: "2026-11-23T08:00:00.000Z", status: { type: "active" }, items: first }),
    Response.json({ data: [item("b"), { id: "x", type: "widget" }], has_more: true, after: "b" }),
    Response.json({ data: [item("c")], has_more: false }),
  );
  const { items } = await loadThread("thr_1", new AbortController().signal);
  expect(items.map(({ id }) => id)).toEqual(["a", "b", "c"]);
  expect(bodies).toMatchObject([
    { type: "threads.get_by_id" },
    { type: "items.list", params: { after: "a", order: "asc" } },
    { type: "items.list", params: { after: "b" } },
  ]);
});
