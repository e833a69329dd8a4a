import { createParser } from "eventsource-parser";
import { ApiError, isAbort, NETWORK, send } from "../lib/http";
import { isObject } from "../lib/json";
import { api } from "../api/urls";
import { parseEvent, parseItem, parsePage, parseThread } from "./parse";
import type { Page, PageContext, Question, StreamEvent, Thread, ThreadItem } from "./types";

const PAGE_SIZE = 50;
/** More pages than a thread can sensibly have; keeps a faulty cursor from looping forever. */
const MAX_PAGES = 100;

export async function listThreads(signal: AbortSignal): Promise<Page<Thread>> {
  const params = { limit: PAGE_SIZE, order: "desc" };
  return parsePage(await ask({ type: "threads.list", params }, signal), parseThread);
}

/** A thread with all its messages, oldest first. */
export async function loadThread(
  threadId: string,
  signal: AbortSignal,
): Promise<{ thread: Thread; items: ThreadItem[] }> {
  const body = await ask({ type: "threads.get_by_id", params: { thread_id: threadId } }, signal);
  const thread = parseThread(body);
  if (thread === null) throw new ApiError(502, "INTERNAL", "The server sent a conversation that cannot be read.");
  let page = parsePage(isObject(body) ? body.items : null, parseItem);
  const items = page.data;
  for (let count = 1; page.after !== null && count < MAX_PAGES; count++) {
    const params = { thread_id: threadId, limit: PAGE_SIZE, order: "asc", after: page.after };
    page = parsePage(await ask({ type: "items.list", params }, signal), parseItem);
    items.push(...page.data);
  }
  return { thread, items };
}

/** Asks a question, in a new thread when `threadId` is null, and yields what the server streams. */
export async function* askQuestion(
  threadId: string | null,
  question: Question,
  context: PageContext,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent, void, undefined> {
  const input = {
    content: [{ type: "input_text", text: question.text }],
    attachments: [],
    inference_options: {},
    ...(question.quote === null ? {} : { quoted_text: question.quote }),
  };
  const request =
    threadId === null
      ? { type: "threads.create", params: { input } }
      : { type: "threads.add_user_message", params: { thread_id: threadId, input } };
  const response = await post({ ...request, metadata: context }, "text/event-stream", signal);
  if (response.body === null || !response.headers.get("content-type")?.startsWith("text/event-stream")) {
    throw new ApiError(502, "INTERNAL", "The server sent an answer that cannot be read.");
  }
  for await (const value of readEvents(response.body)) {
    const event = parseEvent(value);
    if (event !== null) yield event;
  }
}

/** The JSON of each server-sent event of `body`. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<unknown, void, undefined> {
  const ready: unknown[] = [];
  const parser = createParser({
    onEvent: ({ data }) => {
      const value: unknown = JSON.parse(data);
      ready.push(value);
    },
  });
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const chunk = await reader.read();
      if (chunk.done) return;
      parser.feed(decoder.decode(chunk.value, { stream: true }));
      yield* ready.splice(0);
    }
  } catch (error) {
    if (isAbort(error)) throw error;
    throw new ApiError(0, NETWORK, "The connection was lost while the answer was on its way.");
  } finally {
    reader.releaseLock();
  }
}

async function ask(request: { type: string; params: object }, signal: AbortSignal): Promise<unknown> {
  const response = await post(request, "application/json", signal);
  return response.json();
}

function post(request: object, accept: string, signal: AbortSignal): Promise<Response> {
  return send(api.chatkit, {
    method: "POST",
    headers: { "content-type": "application/json", accept },
    body: JSON.stringify(request),
    signal,
  });
}
