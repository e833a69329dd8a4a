import type { Message } from "../chatkit/reducer";
import { sentences } from "../chatkit/speech";

/** How many sentences stay in the region; earlier ones have been read out. */
const KEPT = 3;

/** Tells screen readers of the answer sentence by sentence; the log itself stays silent. */
export function Announcer({ answer, progress }: { answer: Message | null; progress: string | null }) {
  const spoken = answer?.type === "assistant_message" ? sentences(answer.text, answer.state !== "streaming") : [];
  const first = Math.max(0, spoken.length - KEPT);
  return (
    <div className="visually-hidden" role="status" aria-live="polite" aria-atomic="false">
      {spoken.length === 0 && progress !== null && <span>{progress}</span>}
      {spoken.slice(first).map((sentence, index) => (
        <span key={first + index}>{sentence} </span>
      ))}
    </div>
  );
}
