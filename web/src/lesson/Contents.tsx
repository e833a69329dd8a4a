import { Link } from "react-router";
import type { Heading } from "../api/types";
import { contents } from "./headings";

interface ContentsProps {
  headings: Heading[];
  active: string;
  /** Whether there is room beside the lesson; above it, the list is folded. */
  beside: boolean;
}

export function Contents({ headings, active, beside }: ContentsProps) {
  const list = (
    <ol>
      {contents(headings).map(({ anchor, text, level }) => (
        <li key={anchor} data-level={level}>
          <Link to={{ hash: anchor }} aria-current={anchor === active ? "location" : undefined}>
            {text}
          </Link>
        </li>
      ))}
    </ol>
  );
  return (
    <nav className="contents" aria-label="On this page" data-beside={beside}>
      {beside ? (
        <>
          <p>On this page</p>
          {list}
        </>
      ) : (
        <details>
          <summary>On this page</summary>
          {list}
        </details>
      )}
    </nav>
  );
}
