import { useState, type ReactNode, type SyntheticEvent } from "react";
import { useAuthCall } from "../auth/use-auth-call";
import type { Answer } from "../auth/settle";
import { AuthProblem } from "../components/AuthProblem";
import { Choices } from "../components/Choices";
import { focusInvalid } from "../lib/focus";
import type { JsonObject } from "../lib/json";
import { SCOPES } from "../oauth/scopes";
import { checkDraft, draftOf, memberErrors, metadataOf, type ClientDraft, type Member, type MemberErrors, type OAuthClient } from "./client-draft";
import { GRANTS, LABELS, scopeOptions, withOthers } from "./client-words";
import { AddressFields, MainFields, SecurityFields, type FieldsProps } from "./ClientFields";

const ABOUT: Member[] = ["client_uri", "logo_uri", "policy_uri", "tos_uri", "contacts"];
const SECURITY: Member[] = ["backchannel_logout_uri", "jwks", "jwks_uri", "resources", "roles"];

interface ClientFormProps {
  client: OAuthClient;
  /** On the button, and while it is sent. */
  action: readonly [string, string];
  send: (metadata: JsonObject) => Promise<Answer<OAuthClient>>;
  onSaved: (client: OAuthClient) => void;
}

/** Everything an administrator decides about an application. */
export function ClientForm({ client, action, send, onSaved }: ClientFormProps) {
  const [draft, setDraft] = useState(() => draftOf(client));
  const [errors, setErrors] = useState<MemberErrors>({});
  const [saved, setSaved] = useState(false);
  const { sending, error, run } = useAuthCall();
  const toldByField = Object.keys(errors).length > 0;

  const save = async () => {
    setSaved(false);
    const missing = checkDraft(draft);
    setErrors(missing);
    if (Object.keys(missing).length > 0) return;
    const settled = await run(async () => {
      const answer = await send(metadataOf(draft));
      setErrors(memberErrors(answer.error, LABELS));
      return answer;
    });
    if (!settled.ok) return;
    setSaved(true);
    setDraft(draftOf(settled.data));
    onSaved(settled.data);
  };
  const submit = (event: SyntheticEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    void save().then(() => focusInvalid(form));
  };
  const set = (changed: Partial<ClientDraft>) => {
    setSaved(false);
    setDraft({ ...draft, ...changed });
  };
  const fields: FieldsProps = { draft, errors, set };
  const holds = (members: readonly Member[]) => members.some((member) => errors[member] !== undefined);

  return (
    <form className="fields" noValidate onSubmit={submit}>
      <MainFields {...fields} />
      <Choices
        legend={LABELS.grant_types}
        options={withOthers(GRANTS, draft.grant_types)}
        chosen={draft.grant_types}
        error={errors.grant_types ?? null}
        onChange={(grant_types) => set({ grant_types })}
      />
      <Choices
        legend={LABELS.scope}
        options={withOthers(scopeOptions(SCOPES), draft.scope)}
        chosen={draft.scope}
        error={errors.scope ?? null}
        help="What it may ask people for."
        onChange={(scope) => set({ scope })}
      />
      <Fold title="What people are shown" wrong={holds(ABOUT)}>
        <AddressFields {...fields} />
      </Fold>
      <Fold title="Security and keys" wrong={holds(SECURITY)}>
        <SecurityFields {...fields} />
      </Fold>
      {!toldByField && <AuthProblem error={error} onRetry={() => void save()} />}
      <div className="actions">
        <button type="submit" className="button primary" disabled={sending}>
          {sending ? action[1] : action[0]}
        </button>
        <span className="meta" role="status">
          {saved && "Saved."}
        </span>
      </div>
    </form>
  );
}

/** Closed until it is wanted, or until something in it is wrong. */
function Fold({ title, wrong, children }: { title: string; wrong: boolean; children: ReactNode }) {
  const [open, setOpen] = useState(false);
  return (
    <details className="fold" open={open || wrong} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{title}</summary>
      <div className="fields">{children}</div>
    </details>
  );
}
