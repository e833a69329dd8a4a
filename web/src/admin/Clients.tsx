import { useEffect, useRef, useState } from "react";
import { useAuthResource } from "../auth/use-auth-resource";
import { AuthProblem } from "../components/AuthProblem";
import { dateText } from "../lib/time";
import { applicationName } from "../oauth/application";
import { listClients } from "./client-api";
import type { OAuthClient } from "./client-draft";
import { kindOf } from "./client-words";
import { ClientDialog, NewClientDialog } from "./ClientDialog";

export function Clients() {
  const { resource, reload } = useAuthResource(listClients);
  const [open, setOpen] = useState<OAuthClient | "new" | null>(null);
  const [deleted, setDeleted] = useState<string | null>(null);
  const status = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    // The button that opened the dialog goes with its row.
    if (deleted !== null) status.current?.focus();
  }, [deleted]);

  const show = (shown: OAuthClient | "new") => {
    setDeleted(null);
    setOpen(shown);
  };
  return (
    <section aria-labelledby="clients">
      <h2 id="clients">Applications</h2>
      <div className="section-head">
        <p className="meta">They sign people in with their account here, and may use what people allow them.</p>
        <button type="button" className="button small" onClick={() => show("new")}>
          New application…
        </button>
      </div>
      <p ref={status} tabIndex={-1} role="status" className={deleted === null ? undefined : "notice success"}>
        {deleted !== null && `${deleted} is deleted.`}
      </p>
      {resource.status === "failed" && <AuthProblem error={resource.error} onRetry={reload} />}
      {resource.status === "loading" && <p className="loading">Loading the applications…</p>}
      {resource.status === "ready" && <ClientTable clients={resource.data.clients} onManage={show} />}
      {open === "new" && (
        <NewClientDialog
          onCreated={(created) => {
            setOpen(created);
            reload();
          }}
          onClose={() => setOpen(null)}
        />
      )}
      {open !== null && open !== "new" && (
        <ClientDialog
          key={open.client_id}
          client={open}
          onChanged={reload}
          onDeleted={() => {
            setOpen(null);
            setDeleted(applicationName(open));
            reload();
          }}
          onClose={() => setOpen(null)}
        />
      )}
    </section>
  );
}

function ClientTable({ clients, onManage }: { clients: OAuthClient[]; onManage: (client: OAuthClient) => void }) {
  if (clients.length === 0) return <p className="loading">There are no applications yet.</p>;
  return (
    <div className="table-scroll">
      <table className="data users" data-testid="clients">
        <thead>
          <tr>
            <th scope="col">Application</th>
            <th scope="col" className="hide-narrow">
              Kind
            </th>
            <th scope="col">State</th>
            <th scope="col" className="hide-narrow">
              Since
            </th>
            <th scope="col">
              <span className="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {clients.map((client) => (
            <tr key={client.client_id}>
              <th scope="row">
                <bdi>{applicationName(client)}</bdi>
                <span className="meta">{client.client_id}</span>
              </th>
              <td className="hide-narrow">{kindOf(client)}</td>
              <td>
                <ClientState client={client} />
              </td>
              <td className="hide-narrow">
                {client.client_id_issued_at === undefined ? "–" : dateText(new Date(client.client_id_issued_at * 1000))}
              </td>
              <td>
                <button type="button" className="button small" onClick={() => onManage(client)}>
                  Manage<span className="visually-hidden"> {applicationName(client)}</span>
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function ClientState({ client }: { client: OAuthClient }) {
  if (client.disabled === true) {
    return (
      <span className="badge" data-tone="danger">
        switched off
      </span>
    );
  }
  return client.skip_consent === true ? (
    <span className="badge" data-tone="warning">
      does not ask
    </span>
  ) : (
    "active"
  );
}
