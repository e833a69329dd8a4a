import { useEffect, useState } from "react";
import { listThreads } from "../chatkit/client";
import type { Thread } from "../chatkit/types";
import { asApiError, isAbort, type ApiError } from "../lib/http";
import { shortDay } from "../lib/time";
import { ErrorState } from "../components/ErrorState";

type Listing = { status: "loading" } | { status: "ready"; threads: Thread[] } | { status: "failed"; error: ApiError };

interface ThreadListProps {
  current: string | null;
  onOpen: (threadId: string) => void;
}

export function ThreadList({ current, onOpen }: ThreadListProps) {
  const [listing, setListing] = useState<Listing>({ status: "loading" });
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    const controller = new AbortController();
    listThreads(controller.signal)
      .then(({ data }) => setListing({ status: "ready", threads: data }))
      .catch((error: unknown) => {
        if (!isAbort(error)) setListing({ status: "failed", error: asApiError(error) });
      });
    return () => controller.abort();
  }, [attempt]);

  if (listing.status === "loading") return <p className="chat-empty">Loading your conversations…</p>;
  if (listing.status === "failed") {
    return <ErrorState error={listing.error} onRetry={() => setAttempt((count) => count + 1)} />;
  }
  if (listing.threads.length === 0) return <p className="chat-empty">You have no conversations yet.</p>;
  return (
    <ul className="threads" aria-label="Conversations">
      {listing.threads.map((thread) => (
        <li key={thread.id}>
          <button type="button" aria-current={thread.id === current} onClick={() => onOpen(thread.id)}>
            <span>{thread.title ?? "Untitled conversation"}</span>
            {thread.createdAt !== "" && <time dateTime={thread.createdAt}>{shortDay(thread.createdAt)}</time>}
          </button>
        </li>
      ))}
    </ul>
  );
}
