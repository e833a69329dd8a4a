import { isObject, numberMember, stringMember, type JsonObject } from "../lib/json";
import type { Citation, Page, QuotaState, StreamEvent, Thread, ThreadItem } from "./types";

/** Null for what is not an event this app shows; the protocol demands that such are ignored. */
export function parseEvent(value: unknown): StreamEvent | null {
  if (!isObject(value)) return null;
  switch (value.type) {
    case "thread.created":
    case "thread.updated": {
      const thread = parseThread(value.thread);
      return thread && { type: "thread", thread };
    }
    case "thread.item.added": {
      const item = parseItem(value.item);
      return item && { type: "item.added", item };
    }
    case "thread.item.done":
    case "thread.item.replaced": {
      const item = parseItem(value.item);
      return item && { type: "item.done", item };
    }
    case "thread.item.removed":
      return { type: "item.removed", itemId: stringMember(value, "item_id") ?? "" };
    case "thread.item.updated":
      return parseUpdate(stringMember(value, "item_id") ?? "", value.update);
    case "progress_update":
      return { type: "progress", text: stringMember(value, "text") ?? "" };
    case "client_effect":
      return parseEffect(value.name, value.data);
    case "notice":
      return { type: "notice", message: stringMember(value, "message") ?? "" };
    case "error":
      return { type: "error", message: stringMember(value, "message"), allowRetry: value.allow_retry === true };
    default:
      return null;
  }
}

function parseUpdate(itemId: string, update: unknown): StreamEvent | null {
  if (!isObject(update)) return null;
  switch (update.type) {
    case "assistant_message.content_part.text_delta":
      return { type: "text", itemId, delta: stringMember(update, "delta") ?? "" };
    case "assistant_message.content_part.annotation_added": {
      const citation = parseCitation(update.annotation);
      return citation && { type: "citation", itemId, citation };
    }
    case "assistant_message.content_part.added":
    case "assistant_message.content_part.done":
      return { type: "part", itemId, ...parseOutput([update.content]) };
    default:
      return null;
  }
}

function parseEffect(name: unknown, data: unknown): StreamEvent | null {
  if (!isObject(data)) return null;
  if (name === "quota") return { type: "quota", quota: parseQuota(data) };
  if (name === "tutor") return { type: "mode", mode: data.mode === "offline" ? "offline" : "model" };
  return null;
}

export function parseQuota(data: JsonObject): QuotaState {
  return {
    limit: numberMember(data, "limit"),
    remaining: numberMember(data, "remaining"),
    resetsAt: stringMember(data, "resets_at"),
  };
}

export function parseThread(value: unknown): Thread | null {
  if (!isObject(value)) return null;
  const id = stringMember(value, "id");
  if (id === null) return null;
  const status = isObject(value.status) ? value.status : {};
  const closed = status.type === "locked" || status.type === "closed";
  return {
    id,
    title: stringMember(value, "title"),
    createdAt: stringMember(value, "created_at") ?? "",
    closed: closed ? (stringMember(status, "reason") ?? "This conversation is closed.") : null,
  };
}

export function parseItem(value: unknown): ThreadItem | null {
  if (!isObject(value)) return null;
  const id = stringMember(value, "id");
  if (id === null) return null;
  if (value.type === "user_message") {
    const text = list(value.content)
      .map((part) => (isObject(part) ? (stringMember(part, "text") ?? "") : ""))
      .join("");
    return { type: "user_message", id, text, quote: stringMember(value, "quoted_text") };
  }
  if (value.type === "assistant_message") {
    return { type: "assistant_message", id, ...parseOutput(list(value.content)) };
  }
  return null;
}

export function parsePage<T>(value: unknown, parse: (entry: unknown) => T | null): Page<T> {
  const page = isObject(value) ? value : {};
  const data = list(page.data)
    .map(parse)
    .filter((entry) => entry !== null);
  return { data, after: page.has_more === true ? stringMember(page, "after") : null };
}

function parseOutput(parts: unknown[]): { text: string; citations: Citation[] } {
  const objects = parts.filter(isObject);
  return {
    text: objects.map((part) => stringMember(part, "text") ?? "").join("\n\n"),
    citations: objects
      .flatMap((part) => list(part.annotations))
      .map(parseCitation)
      .filter((citation) => citation !== null),
  };
}

function parseCitation(annotation: unknown): Citation | null {
  const source = isObject(annotation) ? annotation.source : null;
  if (!isObject(source) || source.type !== "url") return null;
  const url = stringMember(source, "url");
  if (url === null) return null;
  return { url, title: stringMember(source, "title") ?? url, description: stringMember(source, "description") };
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
