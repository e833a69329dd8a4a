import { useEffect, useState } from "react";
import { useAuthCall } from "../auth/use-auth-call";
import { AuthProblem } from "../components/AuthProblem";
import { ConfirmDialog } from "../components/ConfirmDialog";
import { CopyButton } from "../components/CopyButton";
import { Dialog } from "../components/Dialog";
import { scrollIntoView, useFocusOnMount } from "../lib/focus";
import { applicationName } from "../oauth/application";
import { createClient, deleteClient, rotateSecret, updateClient } from "./client-api";
import { hasSecret, NEW_CLIENT, type OAuthClient } from "./client-draft";
import { ClientForm } from "./ClientForm";

interface NewClientDialogProps {
  onCreated: (client: OAuthClient) => void;
  onClose: () => void;
}

export function NewClientDialog({ onCreated, onClose }: NewClientDialogProps) {
  return (
    <Dialog title="New application" onClose={onClose}>
      <ClientForm client={NEW_CLIENT} action={["Create the application", "Creating…"]} send={createClient} onSaved={onCreated} />
    </Dialog>
  );
}

interface ClientDialogProps {
  client: OAuthClient;
  onChanged: () => void;
  onDeleted: () => void;
  onClose: () => void;
}

/** Everything an administrator can do about one application. */
export function ClientDialog({ client: opened, onChanged, onDeleted, onClose }: ClientDialogProps) {
  const [client, setClient] = useState(opened);
  // Known only to whoever has just made it: gone once the dialog closes.
  const [secret, setSecret] = useState(opened.client_secret ?? null);
  const update = (changed: OAuthClient) => {
    setClient(changed);
    if (changed.client_secret !== undefined) setSecret(changed.client_secret);
    onChanged();
  };
  return (
    <Dialog title={applicationName(client)} onClose={onClose}>
      {secret !== null && <Secret key={secret} secret={secret} />}
      <Copyable label="Client ID" text={client.client_id} />
      <div className="part">
        <ClientForm
          client={client}
          action={["Save", "Saving…"]}
          send={(metadata) => updateClient(client.client_id, metadata)}
          onSaved={update}
        />
      </div>
      {hasSecret(client) && <Rotate client={client} onRotated={update} />}
      <Disable client={client} onChanged={update} />
      <Delete client={client} onDeleted={onDeleted} />
    </Dialog>
  );
}

function Secret({ secret }: { secret: string }) {
  const notice = useFocusOnMount<HTMLDivElement>();
  // It stands above what was pressed for it.
  useEffect(() => scrollIntoView(notice.current), [notice]);
  return (
    <div ref={notice} tabIndex={-1} className="notice success secret" data-testid="client-secret">
      <p>
        <strong>Copy the secret now.</strong> It is shown this once: we keep only a fingerprint of it.
      </p>
      <Copyable label="Client secret" text={secret} />
    </div>
  );
}

function Copyable({ label, text }: { label: string; text: string }) {
  return (
    <p className="copyable">
      <span className="meta">{label}</span>
      <code>{text}</code>
      <CopyButton text={text} label={`Copy the ${label.toLowerCase()}`} />
    </p>
  );
}

function Rotate({ client, onRotated }: { client: OAuthClient; onRotated: (client: OAuthClient) => void }) {
  const [asking, setAsking] = useState(false);
  const { sending, error, run } = useAuthCall();
  const rotate = async () => {
    const settled = await run(() => rotateSecret(client.client_id));
    if (!settled.ok) return;
    setAsking(false);
    onRotated(settled.data);
  };
  return (
    <section className="fields part">
      <h3>Secret</h3>
      <p className="meta">A new one takes the place of the present one at once.</p>
      <div className="actions">
        <button type="button" className="button small" onClick={() => setAsking(true)}>
          Replace the secret…
        </button>
      </div>
      {asking && (
        <ConfirmDialog
          title="Replace the secret?"
          action={["Replace it", "Replacing…"]}
          sending={sending}
          error={error}
          onConfirm={() => void rotate()}
          onClose={() => setAsking(false)}
        >
          <p>The present secret stops working at once: the application gets no tokens until it has the new one.</p>
        </ConfirmDialog>
      )}
    </section>
  );
}

function Disable({ client, onChanged }: { client: OAuthClient; onChanged: (client: OAuthClient) => void }) {
  const disabled = client.disabled === true;
  const { sending, error, run } = useAuthCall();
  const toggle = async () => {
    const settled = await run(() => updateClient(client.client_id, { disabled: !disabled }));
    if (settled.ok) onChanged(settled.data);
  };
  return (
    <section className="fields part">
      <h3>{disabled ? "Switched off" : "Switch off"}</h3>
      <p className="meta">
        {disabled ? "Nobody can sign in with it, and it gets no tokens." : "Nobody can sign in with it until it is switched on again."}
      </p>
      <AuthProblem error={error} onRetry={() => void toggle()} />
      <div className="actions">
        <button type="button" className="button small" disabled={sending} onClick={() => void toggle()}>
          {disabled ? "Switch on" : "Switch off"}
        </button>
      </div>
    </section>
  );
}

function Delete({ client, onDeleted }: { client: OAuthClient; onDeleted: () => void }) {
  const [asking, setAsking] = useState(false);
  const { sending, error, run } = useAuthCall();
  const remove = async () => {
    if ((await run(() => deleteClient(client.client_id))).ok) onDeleted();
  };
  return (
    <section className="fields part">
      <h3>Delete</h3>
      <p className="meta">What people have allowed it ends with it.</p>
      <div className="actions">
        <button type="button" className="button small danger" onClick={() => setAsking(true)}>
          Delete the application…
        </button>
      </div>
      {asking && (
        <ConfirmDialog
          title={`Delete ${applicationName(client)} for good?`}
          action={["Delete it", "Deleting…"]}
          sending={sending}
          error={error}
          onConfirm={() => void remove()}
          onClose={() => setAsking(false)}
        >
          <p>All its tokens and the consent of everybody end at once. It cannot be undone.</p>
        </ConfirmDialog>
      )}
    </section>
  );
}
