-- Network and browser sealed under the person's key (ADR 0007); session epochs; impersonation;
-- succession of signing keys.

-- Sessions of before hold addresses in clear, which SQL cannot seal, and know no epoch: all of
-- them end here. Their events stay as they are. A migration has no clock but the server's.
update sessions set revoked_at = now(), updated_at = now() where revoked_at is null;

alter table sessions
    drop column ip,
    drop column user_agent,
    -- intellistack.common.v1.Personal of whoever uses the session: the administrator, if
    -- impersonated.
    add column personal bytea null,
    -- The user's session epoch when the session started (identity's `session_epoch`).
    add column epoch bigint not null default 0 check (epoch >= 0),
    add column impersonated_by text null,
    add column impersonator_session_id text null,
    add constraint sessions_impersonation
        check ((impersonated_by is null) = (impersonator_session_id is null));
alter table sessions alter column epoch drop default;

-- What ends with an administrator's session.
create index sessions_impersonator on sessions (impersonator_session_id)
    where impersonator_session_id is not null and revoked_at is null;
-- For gateways that start, and for the removal of old rows.
create index sessions_revoked_at on sessions (revoked_at) where revoked_at is not null;
create index sessions_expires_at on sessions (expires_at);

-- Sessions that identity has ended, until each of them is revoked: written with the checkpoint of
-- the consumer `session_ends`, worked off beside it (one stream, one transaction).
create table endings (
    -- Of identity's event.
    position    bigint      primary key,
    user_id     text        not null,
    -- Sessions of earlier epochs end; null: all of them.
    below_epoch bigint      null,
    spared_session_id text  null,
    reason      text        not null,
    actor       text        null,
    -- The user was erased: afterwards the rows and the key of the person go.
    erase       boolean     not null,
    noted_at    timestamptz not null
);

alter table signing_keys
    -- The youngest that may sign by now signs.
    add column generation bigint generated always as identity unique,
    -- Published before it signs: verifiers keep a key set for minutes.
    add column signs_from timestamptz null,
    -- Set when a younger key was made: when its last token has expired.
    add column verifies_until timestamptz null;
update signing_keys set signs_from = created_at;
alter table signing_keys alter column signs_from set not null;
