import { Link } from "react-router";
import type { Citation } from "../chatkit/types";

/** The passages an answer rests on; a click opens the lesson at that heading. */
export function Citations({ citations, onFollow }: { citations: Citation[]; onFollow: () => void }) {
  const distinct = citations.filter(({ url }, index) => citations.findIndex((other) => other.url === url) === index);
  if (distinct.length === 0) return null;
  return (
    <nav className="citations" aria-label="Sources of this answer">
      <ol>
        {distinct.map((citation, index) => (
          <li key={citation.url}>
            {citation.url.startsWith("/") && !citation.url.startsWith("//") ? (
              <Link
                to={citation.url}
                className="citation"
                data-testid="citation"
                title={citation.description ?? undefined}
                onClick={onFollow}
              >
                <span className="citation-number" aria-hidden="true">
                  {index + 1}
                </span>
                <span>{citation.title}</span>
              </Link>
            ) : (
              <a className="citation" data-testid="citation" href={citation.url} target="_blank" rel="noopener noreferrer">
                {citation.title}
              </a>
            )}
          </li>
        ))}
      </ol>
    </nav>
  );
}
