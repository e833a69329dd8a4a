/**
 * The part of the ChatKit protocol this app speaks, after parsing: members it does not use are
 * dropped, items and events of kinds it does not know are not represented.
 */

export interface Citation {
  title: string;
  url: string;
  description: string | null;
}

export interface UserItem {
  type: "user_message";
  id: string;
  text: string;
  quote: string | null;
}

export interface AssistantItem {
  type: "assistant_message";
  id: string;
  text: string;
  citations: Citation[];
}

export type ThreadItem = UserItem | AssistantItem;

export interface Page<T> {
  data: T[];
  /** The cursor of the next page; null on the last one. */
  after: string | null;
}

export interface Thread {
  id: string;
  title: string | null;
  createdAt: string;
  /** Why nothing can be sent any more; null while it can. */
  closed: string | null;
}

export interface QuotaState {
  limit: number | null;
  remaining: number | null;
  resetsAt: string | null;
}

export type StreamEvent =
  | { type: "thread"; thread: Thread }
  | { type: "item.added"; item: ThreadItem }
  | { type: "item.done"; item: ThreadItem }
  | { type: "item.removed"; itemId: string }
  | { type: "text"; itemId: string; delta: string }
  | { type: "part"; itemId: string; text: string; citations: Citation[] }
  | { type: "citation"; itemId: string; citation: Citation }
  | { type: "progress"; text: string }
  | { type: "quota"; quota: QuotaState }
  | { type: "mode"; mode: "offline" | "model" }
  | { type: "notice"; message: string }
  | { type: "error"; message: string | null; allowRetry: boolean };

/** Where the student is while asking. */
export interface PageContext {
  course: string;
  lesson: string;
  page_url: string;
  page_title: string;
  heading_path: string[];
  heading_anchor: string;
}

export interface Question {
  text: string;
  quote: string | null;
}
