import { useState } from "react";
import type { UsageDay } from "../api/types";
import { api, withQuery } from "../api/urls";
import { ErrorState } from "../components/ErrorState";
import { useResource } from "../lib/use-resource";
import { Filters, type FilterField } from "./Filters";

const FIELDS: FilterField[] = [
  { name: "user_id", label: "User id" },
  { name: "from", label: "From", type: "date" },
  { name: "to", label: "To", type: "date" },
];

export function AiUsage() {
  const [filters, setFilters] = useState<Record<string, string>>({});
  const { resource, reload } = useResource<{ days: UsageDay[] }>(withQuery(api.aiUsage, filters));
  return (
    <section aria-labelledby="ai-usage">
      <h2 id="ai-usage">AI usage</h2>
      <Filters
        fields={FIELDS}
        onApply={(values) => {
          setFilters(values);
          reload();
        }}
      />
      {resource.status === "failed" && <ErrorState error={resource.error} onRetry={reload} />}
      {resource.status === "loading" && <p className="loading">Loading the usage…</p>}
      {resource.status === "ready" && <UsageTable days={resource.data.days} />}
    </section>
  );
}

function UsageTable({ days }: { days: UsageDay[] }) {
  if (days.length === 0) return <p className="loading">No usage in this range.</p>;
  return (
    <div className="table-scroll">
      <table className="data">
        <thead>
          <tr>
            <th scope="col">Day (UTC)</th>
            <th scope="col">User</th>
            <th scope="col">Messages</th>
            <th scope="col">Failed</th>
            <th scope="col">Response, mean / p95</th>
            <th scope="col">First token, mean / p95</th>
            <th scope="col">Tokens in / out</th>
          </tr>
        </thead>
        <tbody>
          {days.map((day) => (
            <tr key={`${day.day}:${day.user_id}`}>
              <td>{day.day}</td>
              <td className="detail">{day.user_id}</td>
              <td className="number">{day.messages}</td>
              <td className="number">
                {day.failed} ({(day.error_rate * 100).toFixed(1)} %)
              </td>
              <td className="number">
                {seconds(day.mean_response_ms)} / {seconds(day.p95_response_ms)}
              </td>
              <td className="number">
                {seconds(day.mean_ttft_ms)} / {seconds(day.p95_ttft_ms)}
              </td>
              <td className="number">
                {day.tokens_in.toLocaleString()} / {day.tokens_out.toLocaleString()}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function seconds(ms: number | null): string {
  return ms === null ? "–" : `${(ms / 1000).toFixed(2)} s`;
}
