import { lazy, memo, Suspense, useDeferredValue } from "react";
import type { Message } from "../chatkit/reducer";
import { CopyButton } from "../components/CopyButton";
import { Citations } from "./Citations";

const Markdown = lazy(() => import("./Markdown"));

type AssistantMessage = Extract<Message, { type: "assistant_message" }>;

interface MessagesProps {
  messages: Message[];
  progress: string | null;
  waiting: boolean;
  onFollowCitation: () => void;
}

export function Messages({ messages, progress, waiting, onFollowCitation }: MessagesProps) {
  return (
    <>
      {messages.map((message) =>
        message.type === "user_message" ? (
          <article key={message.id} className="message user" data-pending={message.pending} aria-label="You">
            {message.quote !== null && <blockquote>{message.quote}</blockquote>}
            <p>{message.text}</p>
          </article>
        ) : (
          <Answer key={message.id} message={message} onFollowCitation={onFollowCitation} />
        ),
      )}
      {waiting && (
        <p className="progress" data-testid="progress">
          <span className="dots" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          {progress ?? "Thinking…"}
        </p>
      )}
    </>
  );
}

const Answer = memo(function Answer({
  message,
  onFollowCitation,
}: {
  message: AssistantMessage;
  onFollowCitation: () => void;
}) {
  // Markdown is parsed anew with each piece of text: let input and scrolling go first. An answer that
  // says it is finished shows all of it.
  const deferred = useDeferredValue(message.text);
  const text = message.state === "streaming" ? deferred : message.text;
  if (message.state === "streaming" && message.text === "") return null;
  return (
    <article className="message assistant" data-testid="assistant-message" data-state={message.state} aria-label="Tutor">
      <div className="prose">
        <Suspense fallback={<p className="plain">{text}</p>}>
          <Markdown text={text} />
        </Suspense>
      </div>
      <Citations citations={message.citations} onFollow={onFollowCitation} />
      {message.state !== "streaming" && (
        <footer>
          {message.state === "stopped" && <span>You stopped following this answer.</span>}
          {message.state === "broken" && <span>This answer is incomplete.</span>}
          <CopyButton text={message.text} label="Copy answer" />
        </footer>
      )}
    </article>
  );
});
