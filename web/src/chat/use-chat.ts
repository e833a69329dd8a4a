import { useCallback, useEffect, useReducer, useRef, type RefObject } from "react";
import type { Quota } from "../api/types";
import { api } from "../api/urls";
import { askQuestion, loadThread } from "../chatkit/client";
import { initialState, reduce, type ChatState } from "../chatkit/reducer";
import type { PageContext, Question } from "../chatkit/types";
import { asApiError, getJson, isAbort } from "../lib/http";
import { recall, remember } from "../lib/storage";

export interface Chat {
  state: ChatState;
  setDraft: (draft: Partial<Question>) => void;
  /** Asks what stands in the composer, or `question`. */
  ask: (question?: Question) => void;
  /** Stops reading; the server finishes the answer and stores it. */
  stop: () => void;
  open: (threadId: string) => void;
  startNew: () => void;
  /** Follows the open problem's remedy. */
  retry: () => void;
}

/** The conversation beside a course's lessons. The open thread is remembered under `storageKey`. */
export function useChat(storageKey: string, context: RefObject<() => PageContext>): Chat {
  const [state, dispatch] = useReducer(reduce, initialState);
  // Whatever is being read: there is at most one, and a new one replaces it.
  const reading = useRef<AbortController | null>(null);

  const begin = useCallback(() => {
    reading.current?.abort();
    reading.current = new AbortController();
    return reading.current.signal;
  }, []);

  const load = useCallback(
    async (threadId: string, how: { keepMessages: boolean; mayBeGone: boolean }) => {
      const signal = begin();
      dispatch({ type: "loading", keepMessages: how.keepMessages });
      try {
        const loaded = await loadThread(threadId, signal);
        if (signal.aborted) return;
        remember(storageKey, threadId);
        dispatch({ type: "loaded", ...loaded });
      } catch (thrown) {
        if (signal.aborted) return;
        const error = asApiError(thrown);
        if (how.mayBeGone && error.status === 404) {
          remember(storageKey, null);
          dispatch({ type: "new-thread" });
        } else dispatch({ type: "failed", error });
      }
    },
    [begin, storageKey],
  );

  const run = useCallback(
    async (threadId: string | null, question: Question) => {
      const signal = begin();
      dispatch({ type: "sent", question });
      try {
        for await (const event of askQuestion(threadId, question, context.current(), signal)) {
          if (signal.aborted) return;
          if (event.type === "thread") remember(storageKey, event.thread.id);
          dispatch({ type: "event", event });
        }
        if (!signal.aborted) dispatch({ type: "ended" });
      } catch (error) {
        if (!signal.aborted && !isAbort(error)) dispatch({ type: "failed", error: asApiError(error) });
      }
    },
    [begin, context, storageKey],
  );

  useEffect(() => {
    const threadId = recall(storageKey);
    if (threadId !== null) void load(threadId, { keepMessages: false, mayBeGone: true });
    const controller = new AbortController();
    getJson<Quota>(api.quota, controller.signal)
      .then(({ limit, remaining, resets_at }) =>
        dispatch({ type: "quota", quota: { limit, remaining, resetsAt: resets_at } }),
      )
      // The badge is a convenience; the next answer brings the numbers again.
      .catch(() => undefined);
    return () => {
      controller.abort();
      reading.current?.abort();
    };
  }, [load, storageKey]);

  const setDraft = useCallback((draft: Partial<Question>) => dispatch({ type: "draft", draft }), []);
  const threadId = state.thread?.id ?? null;
  const ask = (question: Question = state.draft) => {
    const text = question.text.trim();
    if (text !== "" && state.phase === "idle") void run(threadId, { ...question, text });
  };
  const open = (id: string) => void load(id, { keepMessages: id === threadId, mayBeGone: false });

  return {
    state,
    setDraft,
    ask,
    stop: () => {
      reading.current?.abort();
      dispatch({ type: "stopped" });
    },
    open,
    startNew: () => {
      reading.current?.abort();
      remember(storageKey, null);
      dispatch({ type: "new-thread" });
    },
    retry: () => {
      const last = state.messages.findLast((message) => message.type === "user_message");
      if (state.problem?.remedy === "send-draft") ask();
      else if (state.problem?.remedy === "ask-again" && last) ask({ text: last.text, quote: last.quote });
      else if (threadId !== null || recall(storageKey) !== null) open(threadId ?? recall(storageKey) ?? "");
    },
  };
}
