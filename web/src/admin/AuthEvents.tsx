import { useState } from "react";
import type { AuthEvent, AuthEventPage } from "../api/types";
import { api, withQuery } from "../api/urls";
import { ErrorState } from "../components/ErrorState";
import { dayAndTime } from "../lib/time";
import { useResource } from "../lib/use-resource";
import { Filters, type FilterField } from "./Filters";

const FIELDS: FilterField[] = [
  { name: "type", label: "Type" },
  { name: "email", label: "E-mail" },
  { name: "user_id", label: "User id" },
  { name: "ip", label: "IP address" },
];

export function AuthEvents() {
  const [filters, setFilters] = useState<Record<string, string>>({});
  // Where each page shown so far begins; null is the newest.
  const [starts, setStarts] = useState<(number | null)[]>([null]);
  const before = starts.at(-1) ?? null;
  const { resource, reload } = useResource<AuthEventPage>(withQuery(api.authEvents, { ...filters, limit: 50, before }));
  const older = resource.status === "ready" ? resource.data.before : null;

  return (
    <section aria-labelledby="auth-events">
      <h2 id="auth-events">Auth events</h2>
      <Filters
        fields={FIELDS}
        onApply={(values) => {
          setFilters(values);
          setStarts([null]);
          reload();
        }}
      />
      {resource.status === "failed" && <ErrorState error={resource.error} onRetry={reload} />}
      {resource.status === "loading" && <p className="loading">Loading the events…</p>}
      {resource.status === "ready" && <EventTable events={resource.data.events} />}
      <div className="actions">
        {starts.length > 1 && (
          <button type="button" className="button small" onClick={() => setStarts(starts.slice(0, -1))}>
            Newer
          </button>
        )}
        {older !== null && (
          <button type="button" className="button small" onClick={() => setStarts([...starts, older])}>
            Older
          </button>
        )}
      </div>
    </section>
  );
}

function EventTable({ events }: { events: AuthEvent[] }) {
  if (events.length === 0) return <p className="loading">No events match.</p>;
  return (
    <div className="table-scroll">
      <table className="data">
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Type</th>
            <th scope="col">User</th>
            <th scope="col">IP</th>
            <th scope="col">Detail</th>
            <th scope="col">Trace</th>
          </tr>
        </thead>
        <tbody>
          {events.map((event) => (
            <tr key={`${event.store}:${event.position}`}>
              <td>
                <time dateTime={event.at}>{dayAndTime(event.at)}</time>
              </td>
              <td>
                <code>{event.type}</code>
              </td>
              <td title={event.user_id ?? undefined}>{event.email ?? event.user_id ?? "–"}</td>
              <td title={event.user_agent ?? undefined}>{event.ip ?? "–"}</td>
              <td className="detail">{describe(event.detail)}</td>
              <td className="detail">{event.trace_id ?? "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function describe(detail: unknown): string {
  if (detail === null || detail === undefined) return "–";
  const text = typeof detail === "string" ? detail : JSON.stringify(detail);
  return text === "{}" || text === "" ? "–" : text;
}
