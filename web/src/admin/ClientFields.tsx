import { Choice } from "../components/Choice";
import { Choices } from "../components/Choices";
import { Field } from "../components/Field";
import { Select } from "../components/Select";
import { TextArea } from "../components/TextArea";
import { isPublic, LINES, type ClientDraft, type MemberErrors } from "./client-draft";
import { APPLICATION_TYPES, AUTH_METHODS, LABELS, withOthers } from "./client-words";
import { ROLES } from "./managed-user";

export interface FieldsProps {
  draft: ClientDraft;
  errors: MemberErrors;
  set: (changed: Partial<ClientDraft>) => void;
}

type Text = "client_uri" | "logo_uri" | "policy_uri" | "tos_uri" | "jwks_uri" | "backchannel_logout_uri";

export function MainFields({ draft, errors, set }: FieldsProps) {
  return (
    <>
      <Field
        label={LABELS.client_name}
        maxLength={100}
        autoComplete="off"
        value={draft.client_name}
        error={errors.client_name ?? null}
        onChange={(event) => set({ client_name: event.target.value })}
      >
        <p>People see it when they are asked for access.</p>
      </Field>
      <Select
        label={LABELS.application_type}
        options={withOthers(APPLICATION_TYPES, [draft.application_type])}
        value={draft.application_type}
        error={errors.application_type ?? null}
        onChange={(application_type) => set({ application_type })}
      />
      <Select
        label={LABELS.token_endpoint_auth_method}
        options={withOthers(AUTH_METHODS, [draft.token_endpoint_auth_method])}
        value={draft.token_endpoint_auth_method}
        error={errors.token_endpoint_auth_method ?? null}
        onChange={(method) => set({ token_endpoint_auth_method: method })}
      />
      <Addresses member="redirect_uris" {...{ draft, errors, set }} help="One a line, exactly as the application sends them." />
      <Addresses member="post_logout_redirect_uris" {...{ draft, errors, set }} help="One a line; none: people stay here." />
    </>
  );
}

export function AddressFields(fields: FieldsProps) {
  return (
    <>
      <Address member="client_uri" {...fields} />
      <Address member="policy_uri" {...fields} />
      <Address member="tos_uri" {...fields} />
      <Address member="logo_uri" {...fields} help="For other programs: this site itself loads no pictures from elsewhere." />
      <Addresses member="contacts" {...fields} help="Whom to ask about it, one a line. People are not shown them." />
    </>
  );
}

export function SecurityFields(fields: FieldsProps) {
  const { draft, errors, set } = fields;
  const mustHavePkce = isPublic(draft);
  return (
    <>
      <div className="choices compact">
        <Choice
          label={LABELS.require_pkce}
          checked={draft.require_pkce || mustHavePkce}
          disabled={mustHavePkce}
          onChange={(event) => set({ require_pkce: event.target.checked })}
        >
          Switch it off only for an application that cannot do it. Public ones always need it.
        </Choice>
        <Choice
          label={LABELS.require_pushed_authorization_requests}
          checked={draft.require_pushed_authorization_requests}
          onChange={(event) => set({ require_pushed_authorization_requests: event.target.checked })}
        />
        <Choice
          label={LABELS.dpop_bound_access_tokens}
          checked={draft.dpop_bound_access_tokens}
          onChange={(event) => set({ dpop_bound_access_tokens: event.target.checked })}
        />
        <Choice
          label={LABELS.skip_consent}
          checked={draft.skip_consent}
          onChange={(event) => set({ skip_consent: event.target.checked })}
        >
          Only for applications of your own: whoever signs in lets it in.
        </Choice>
      </div>
      <Choices
        legend={LABELS.roles}
        options={withOthers(ROLES, draft.roles)}
        chosen={draft.roles}
        error={errors.roles ?? null}
        help="None chosen: everybody."
        onChange={(roles) => set({ roles })}
      />
      <Address member="backchannel_logout_uri" {...fields} help="Is told when somebody signs out." />
      <TextArea
        label={LABELS.jwks}
        rows={3}
        spellCheck={false}
        value={draft.jwks}
        error={errors.jwks ?? null}
        onChange={(event) => set({ jwks: event.target.value })}
      >
        <p>JSON, or the address below; needed for signatures.</p>
      </TextArea>
      <Address member="jwks_uri" {...fields} />
      <Addresses member="resources" {...fields} help="What its tokens may be for beside this site, one address a line (RFC 8707)." />
    </>
  );
}

function Address({ member, draft, errors, set, help }: FieldsProps & { member: Text; help?: string }) {
  return (
    <Field
      label={LABELS[member]}
      type="url"
      placeholder="https://"
      maxLength={2048}
      autoComplete="off"
      value={draft[member]}
      error={errors[member] ?? null}
      onChange={(event) => set({ [member]: event.target.value.trim() })}
    >
      {help && <p>{help}</p>}
    </Field>
  );
}

interface AddressesProps extends FieldsProps {
  member: (typeof LINES)[number];
  help: string;
}

function Addresses({ member, draft, errors, set, help }: AddressesProps) {
  return (
    <TextArea
      label={LABELS[member]}
      rows={Math.min(8, Math.max(2, draft[member].split("\n").length))}
      spellCheck={false}
      value={draft[member]}
      error={errors[member] ?? null}
      onChange={(event) => set({ [member]: event.target.value })}
    >
      <p>{help}</p>
    </TextArea>
  );
}
