import { NETWORK, type ApiError } from "../lib/http";
import { parseQuota } from "./parse";
import type { AssistantItem, Question, QuotaState, StreamEvent, Thread, ThreadItem, UserItem } from "./types";

export type Message =
  | (UserItem & { pending: boolean })
  /** `broken`: the stream ended before the answer did. */
  | (AssistantItem & { state: "streaming" | "done" | "stopped" | "broken" });

export interface Problem {
  code: string;
  message: string;
  /** What the reader can do about it. */
  remedy: "send-draft" | "ask-again" | "reload" | null;
}

export interface ChatState {
  thread: Thread | null;
  messages: Message[];
  /** What stands in the composer. */
  draft: Question;
  phase: "idle" | "loading" | "sending" | "answering";
  /** What the tutor is doing before the first words come. */
  progress: string | null;
  quota: QuotaState | null;
  mode: "offline" | "model" | null;
  problem: Problem | null;
}

export type ChatAction =
  | { type: "new-thread" }
  | { type: "loading"; keepMessages: boolean }
  | { type: "loaded"; thread: Thread; items: ThreadItem[] }
  | { type: "draft"; draft: Partial<Question> }
  | { type: "sent"; question: Question }
  | { type: "event"; event: StreamEvent }
  | { type: "ended" }
  | { type: "stopped" }
  | { type: "failed"; error: ApiError }
  | { type: "quota"; quota: QuotaState };

const EMPTY: Question = { text: "", quote: null };
/** The id of the message that the server has not taken yet. */
export const PENDING_ID = "pending";

export const initialState: ChatState = {
  thread: null,
  messages: [],
  draft: EMPTY,
  phase: "idle",
  progress: null,
  quota: null,
  mode: null,
  problem: null,
};

export function reduce(state: ChatState, action: ChatAction): ChatState {
  switch (action.type) {
    case "new-thread":
      return { ...initialState, draft: state.draft, quota: state.quota, mode: state.mode };
    case "loading": {
      const kept = action.keepMessages ? state : { ...state, thread: null, messages: [] };
      return { ...kept, phase: "loading", progress: null, problem: null };
    }
    case "loaded":
      return { ...state, phase: "idle", thread: action.thread, messages: action.items.map(finished) };
    case "draft":
      return { ...state, draft: { ...state.draft, ...action.draft } };
    case "sent":
      return {
        ...state,
        draft: EMPTY,
        phase: "sending",
        problem: null,
        messages: [
          ...state.messages,
          { type: "user_message", id: PENDING_ID, pending: true, ...action.question },
        ],
      };
    case "event":
      return applyEvent(state, action.event);
    case "ended":
      return ended(state);
    case "stopped":
      return { ...settle(state, "stopped"), messages: close(acknowledged(state.messages), "stopped") };
    case "failed":
      return failed(state, action.error);
    case "quota":
      return { ...state, quota: action.quota };
  }
}

function applyEvent(state: ChatState, event: StreamEvent): ChatState {
  switch (event.type) {
    case "thread":
      return { ...state, thread: event.thread };
    case "item.added":
      return { ...state, phase: "answering", messages: put(state.messages, streaming(event.item)) };
    case "item.done":
      return { ...itemDone(state, event.item), phase: "answering" };
    case "item.removed":
      return { ...state, messages: state.messages.filter(({ id }) => id !== event.itemId) };
    case "text":
      return { ...updateAnswer(state, event.itemId, (it) => ({ text: it.text + event.delta })), progress: null };
    case "part":
      return updateAnswer(state, event.itemId, (it) => ({
        text: event.text || it.text,
        citations: event.citations.length > 0 ? event.citations : it.citations,
      }));
    case "citation":
      return updateAnswer(state, event.itemId, (it) => ({ citations: [...it.citations, event.citation] }));
    case "progress":
      return { ...state, progress: event.text };
    case "quota":
      return { ...state, quota: event.quota };
    case "mode":
      return { ...state, mode: event.mode };
    case "notice":
      return { ...state, progress: event.message };
    case "error":
      return {
        ...settle(state, "broken"),
        problem: {
          code: "STREAM_ERROR",
          message: event.message ?? "The tutor could not finish this answer.",
          remedy: event.allowRetry ? "ask-again" : null,
        },
      };
  }
}

function itemDone(state: ChatState, item: ThreadItem): ChatState {
  if (item.type === "user_message") {
    const messages = state.messages.filter(({ id }) => id !== PENDING_ID);
    return { ...state, messages: put(messages, finished(item)) };
  }
  const known = state.messages.find(({ id }) => id === item.id);
  const citations = item.citations.length > 0 || known?.type !== "assistant_message" ? item.citations : known.citations;
  return { ...state, progress: null, messages: put(state.messages, finished({ ...item, citations })) };
}

/** The body has ended: either everything is there, or the connection was cut in a polite way. */
function ended(state: ChatState): ChatState {
  if (state.problem !== null) return settle(state, "broken");
  if (state.messages.some((it) => it.type === "user_message" && it.pending)) {
    return rollBack(state, "The server did not take the question.", "NOT_TAKEN", "send-draft");
  }
  const last = state.messages.at(-1);
  if (last?.type === "assistant_message" && last.state === "done") return settle(state, "done");
  return {
    ...settle(state, "broken"),
    problem: { code: NETWORK, message: "The connection was lost before the answer was complete.", remedy: "reload" },
  };
}

function failed(state: ChatState, error: ApiError): ChatState {
  if (state.phase === "loading") {
    const problem: Problem = { code: error.code, message: error.message, remedy: error.temporary ? "reload" : null };
    return { ...state, phase: "idle", problem };
  }
  if (state.messages.some((it) => it.type === "user_message" && it.pending)) {
    const back = rollBack(state, error.message, error.code, error.temporary ? "send-draft" : null);
    return error.code === "QUOTA_EXCEEDED" ? { ...back, quota: parseQuota(error.extras) } : back;
  }
  return { ...settle(state, "broken"), problem: { code: error.code, message: error.message, remedy: "reload" } };
}

/** Takes the question back into the composer, in front of what was typed since. */
function rollBack(state: ChatState, message: string, code: string, remedy: Problem["remedy"]): ChatState {
  const pending = state.messages.find(({ id }) => id === PENDING_ID);
  const { draft } = state;
  const restored =
    pending?.type === "user_message"
      ? { text: [pending.text, draft.text].filter(Boolean).join("\n"), quote: draft.quote ?? pending.quote }
      : draft;
  const messages = state.messages.filter(({ id }) => id !== PENDING_ID);
  return { ...settle(state, "broken"), messages, draft: restored, problem: { code, message, remedy } };
}

function settle(state: ChatState, how: "done" | "stopped" | "broken"): ChatState {
  return { ...state, phase: "idle", progress: null, messages: close(state.messages, how) };
}

function close(messages: Message[], how: "done" | "stopped" | "broken"): Message[] {
  return messages.map((it) =>
    it.type === "assistant_message" && it.state === "streaming" ? { ...it, state: how } : it,
  );
}

function acknowledged(messages: Message[]): Message[] {
  return messages.map((it, index) =>
    it.type === "user_message" && it.pending ? { ...it, id: `unconfirmed-${index}`, pending: false } : it,
  );
}

function finished(item: ThreadItem): Message {
  return item.type === "user_message" ? { ...item, pending: false } : { ...item, state: "done" };
}

function streaming(item: ThreadItem): Message {
  return item.type === "user_message" ? { ...item, pending: false } : { ...item, state: "streaming" };
}

function put(messages: Message[], message: Message): Message[] {
  const known = messages.some(({ id }) => id === message.id);
  return known ? messages.map((it) => (it.id === message.id ? message : it)) : [...messages, message];
}

function updateAnswer(
  state: ChatState,
  itemId: string,
  change: (answer: AssistantItem) => Partial<AssistantItem>,
): ChatState {
  const messages = state.messages.map((it) =>
    it.type === "assistant_message" && it.id === itemId ? { ...it, ...change(it) } : it,
  );
  return { ...state, messages };
}
