import { useEffect, useState, type RefObject } from "react";
import { Icon } from "../components/icons";
import { readableText } from "./readable-text";

interface Selected {
  text: string;
  top: number;
  left: number;
}

/** A button at the end of what is selected in the lesson; it follows the lesson in tab order. */
export function SelectionAsk({ root, onAsk }: { root: RefObject<HTMLElement | null>; onAsk: (quote: string) => void }) {
  const [selected, setSelected] = useState<Selected | null>(null);

  useEffect(() => {
    let timer = 0;
    const changed = () => {
      clearTimeout(timer);
      timer = window.setTimeout(() => setSelected(read(root.current)), 150);
    };
    document.addEventListener("selectionchange", changed);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("selectionchange", changed);
    };
  }, [root]);

  if (selected === null) return null;
  return (
    <button
      type="button"
      className="selection-ask"
      data-testid="ask-selection"
      style={{ top: selected.top, left: selected.left }}
      // Pressing must not clear the selection before the click is there.
      onMouseDown={(event) => event.preventDefault()}
      onClick={() => {
        onAsk(selected.text);
        window.getSelection()?.removeAllRanges();
        setSelected(null);
      }}
    >
      <Icon name="quote" /> Ask the tutor
    </button>
  );
}

function read(root: HTMLElement | null): Selected | null {
  const selection = window.getSelection();
  if (root === null || selection === null || selection.isCollapsed || selection.rangeCount === 0) return null;
  const range = selection.getRangeAt(0);
  if (!root.contains(range.commonAncestorContainer)) return null;
  const text = readableText(range.cloneContents());
  if (text === "") return null;
  const end = Array.from(range.getClientRects()).at(-1) ?? range.getBoundingClientRect();
  const frame = root.getBoundingClientRect();
  const left = Math.max(0, Math.min(end.right - frame.left - 70, frame.width - 150));
  return { text, top: end.bottom - frame.top + root.offsetTop + 8, left: left + root.offsetLeft };
}
