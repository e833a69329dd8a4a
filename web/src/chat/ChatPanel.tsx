import { useEffect, useRef, useState, type KeyboardEvent, type RefObject } from "react";
import type { PageContext } from "../chatkit/types";
import { Icon } from "../components/icons";
import { useNow } from "../lib/hooks";
import { Announcer } from "./Announcer";
import { Composer, MAX_QUOTE } from "./Composer";
import { Messages } from "./Messages";
import { ProblemNotice } from "./ProblemNotice";
import { QuotaBadge, QuotaExhausted } from "./QuotaBadge";
import { ThreadList } from "./ThreadList";
import { useChat } from "./use-chat";
import { useStickToBottom } from "./use-stick-to-bottom";

/** A wish to ask, made in the lesson; each wish is a new object. */
export interface AskRequest {
  quote: string;
  text: string;
}

interface ChatPanelProps {
  storageKey: string;
  context: RefObject<() => PageContext>;
  request: AskRequest | null;
  onClose: () => void;
  onFollowCitation: () => void;
}

export default function ChatPanel({ storageKey, context, request, onClose, onFollowCitation }: ChatPanelProps) {
  const chat = useChat(storageKey, context);
  const { state, setDraft } = chat;
  const [listOpen, setListOpen] = useState(false);
  const { log, content, pinned, toBottom } = useStickToBottom();
  const input = useRef<HTMLTextAreaElement>(null);

  useEffect(() => {
    if (request === null) return;
    const { quote, text } = request;
    setDraft({ quote: quote.slice(0, MAX_QUOTE), ...(text === "" ? {} : { text }) });
    input.current?.focus();
  }, [request, setDraft]);

  const outOfQuota = state.quota?.remaining === 0;
  const now = useNow(15_000, outOfQuota);
  const exhausted = outOfQuota && (state.quota?.resetsAt == null || new Date(state.quota.resetsAt) > now);
  const busy = state.phase === "sending" || state.phase === "answering";
  const last = state.messages.at(-1) ?? null;
  const answering = last?.type === "assistant_message" && last.text !== "";

  const send = () => {
    setListOpen(false);
    chat.ask();
    toBottom();
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    if (busy) chat.stop();
    else if (listOpen) setListOpen(false);
    else onClose();
  };

  return (
    // Escape works wherever the focus is in the panel.
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions
    <div className="chat" onKeyDown={pressed}>
      <header className="chat-bar">
        <h2>{listOpen ? "Conversations" : (state.thread?.title ?? "Tutor")}</h2>
        <button type="button" className="icon-button" aria-label="Conversations" aria-pressed={listOpen} onClick={() => setListOpen(!listOpen)}>
          <Icon name="history" />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label="New conversation"
          onClick={() => {
            setListOpen(false);
            chat.startNew();
            input.current?.focus();
          }}
        >
          <Icon name="plus" />
        </button>
        <button type="button" className="icon-button" aria-label="Close the tutor" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>

      {listOpen && (
        <div className="chat-log">
          <ThreadList
            current={state.thread?.id ?? null}
            onOpen={(id) => {
              setListOpen(false);
              chat.open(id);
            }}
          />
        </div>
      )}
      {/* The log stays silent: the announcer reads the answer out in sentences. */}
      <div
        className="chat-log"
        ref={log}
        role="log"
        aria-label="Conversation with the tutor"
        aria-live="off"
        aria-busy={busy || state.phase === "loading"}
        data-testid="chat-log"
        hidden={listOpen}
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a scrolling box must be reachable by keyboard
        tabIndex={0}
      >
        <div ref={content} className="chat-content">
          {state.phase === "loading" && <p className="chat-empty">Loading the conversation…</p>}
          {state.phase !== "loading" && state.messages.length === 0 && <Welcome />}
          <Messages
            messages={state.messages}
            progress={state.progress}
            waiting={busy && !answering}
            onFollowCitation={onFollowCitation}
          />
          {state.problem !== null && !exhausted && <ProblemNotice problem={state.problem} onRetry={chat.retry} />}
        </div>
      </div>
      {!pinned && !listOpen && (
        <button type="button" className="to-bottom" onClick={toBottom}>
          Latest
        </button>
      )}
      <Announcer answer={busy || answering ? last : null} progress={state.progress} />

      {exhausted && state.quota !== null && <QuotaExhausted quota={state.quota} />}
      <Composer
        input={input}
        draft={state.draft}
        busy={busy}
        blocked={exhausted ? "No questions left for now" : (state.thread?.closed ?? null)}
        onChange={setDraft}
        onSend={send}
        onStop={chat.stop}
      >
        {state.mode === "offline" && (
          <span className="badge" data-testid="offline-tutor" title="Answers are put together from the lessons, without a language model.">
            Offline tutor
          </span>
        )}
        <QuotaBadge quota={state.quota} />
      </Composer>
    </div>
  );
}

function Welcome() {
  return (
    <div className="chat-empty">
      <p>
        <strong>Ask about this lesson.</strong>
      </p>
      <p>The tutor answers from the course and names the passages it rests on. Select text in the lesson to ask about it.</p>
    </div>
  );
}
