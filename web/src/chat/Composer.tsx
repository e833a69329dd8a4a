import type { KeyboardEvent, ReactNode, RefObject } from "react";
import type { Question } from "../chatkit/types";
import { Icon } from "../components/icons";

/** What the server takes, in characters. */
export const MAX_TEXT = 8000;
export const MAX_QUOTE = 4000;

interface ComposerProps {
  input: RefObject<HTMLTextAreaElement | null>;
  draft: Question;
  busy: boolean;
  /** Why nothing can be sent; null while it can. */
  blocked: string | null;
  onChange: (draft: Partial<Question>) => void;
  onSend: () => void;
  onStop: () => void;
  /** What stands beside the hint. */
  children: ReactNode;
}

export function Composer({ input, draft, busy, blocked, onChange, onSend, onStop, children }: ComposerProps) {
  const pressed = (event: KeyboardEvent) => {
    // While an input method composes a character, Enter accepts it.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    if (!busy && blocked === null) onSend();
  };

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        onSend();
      }}
    >
      {draft.quote !== null && (
        <div className="composer-quote">
          <Icon name="quote" />
          <blockquote>{draft.quote}</blockquote>
          <button type="button" className="icon-button" aria-label="Remove the quote" onClick={() => onChange({ quote: null })}>
            <Icon name="close" />
          </button>
        </div>
      )}
      <div className="composer-row">
        <textarea
          ref={input}
          data-testid="chat-composer"
          aria-label="Your question"
          aria-describedby="composer-hint"
          placeholder={blocked ?? "Ask about this lesson…"}
          rows={1}
          maxLength={MAX_TEXT}
          disabled={blocked !== null}
          value={draft.text}
          onChange={(event) => onChange({ text: event.target.value })}
          onKeyDown={pressed}
        />
        {busy ? (
          <button type="button" className="send" data-testid="chat-stop" aria-label="Stop following the answer" onClick={onStop}>
            <Icon name="stop" />
          </button>
        ) : (
          <button
            type="submit"
            className="send"
            data-testid="chat-send"
            aria-label="Send"
            disabled={blocked !== null || draft.text.trim() === ""}
          >
            <Icon name="send" />
          </button>
        )}
      </div>
      <div className="composer-foot">
        <p id="composer-hint">
          {busy ? (
            <>
              <kbd>Esc</kbd> stops following
            </>
          ) : (
            <>
              <kbd>Enter</kbd> sends, <kbd>Shift</kbd>+<kbd>Enter</kbd> new line
            </>
          )}
        </p>
        {children}
      </div>
    </form>
  );
}
