-- What is known of a person is sealed under the person's key (ADR 0007); bans, session epochs,
-- further ways to sign in, tokens that are mailed.

-- SQL cannot seal: rows that a preview of this software wrote in clear cannot be carried over.
do $$ begin
    if exists (select 1 from users) then
        raise exception 'the accounts in this database come from a preview that kept addresses in clear'
            using hint = 'start with an empty database: ./dev reset on a development machine';
    end if;
end $$;

alter table users
    drop column email,
    drop column name,
    drop column image,
    -- HMAC of the address under AUTH_SECRET.
    add column email_key text not null,
    -- intellistack.common.v1.Personal: address, name, picture, reason of a ban.
    add column personal bytea not null,
    add column reset_asked_at timestamptz null,
    add column change_asked_at timestamptz null,
    add column banned boolean not null default false,
    -- Null: for good.
    add column ban_expires timestamptz null,
    -- Sessions started in an earlier epoch are dead, but for the spared one.
    add column session_epoch bigint not null default 1 check (session_epoch > 0),
    add column spared_session_id text null,
    add column epoch_changed_at timestamptz null,
    add constraint users_email unique (email_key);

create index users_created on users (created_at, id);
create index users_epoch_changed on users (epoch_changed_at) where epoch_changed_at is not null;
create index users_admins on users (id) where role = 'admin';

-- No id is ever given to another person, and gateways that start must know whom not to believe.
create table erased_users (
    user_id       text        primary key,
    session_epoch bigint      not null,
    erased_at     timestamptz not null
);
create index erased_users_at on erased_users (erased_at);

alter table credentials
    add column id text not null,
    add column created_at timestamptz not null,
    drop constraint credentials_user_id_fkey,
    add constraint credentials_user_id_fkey foreign key (user_id) references users (id) on delete cascade;

-- Identities at other providers. The key is issuer and subject, never an address.
create table linked_accounts (
    id                 text        primary key,
    user_id            text        not null references users (id) on delete cascade,
    provider_id        text        not null,
    issuer             text        not null,
    subject            text        not null,
    -- The provider's tokens, sealed under the person's key; null when none are kept.
    tokens             bytea       null,
    scopes             text[]      not null,
    access_expires_at  timestamptz null,
    refresh_expires_at timestamptz null,
    created_at         timestamptz not null,
    updated_at         timestamptz not null,
    constraint linked_accounts_identity unique (issuer, subject)
);
create index linked_accounts_user on linked_accounts (user_id);

-- Tokens that are mailed and good once. The token itself is derived from AUTH_SECRET when the mail
-- leaves; a new one replaces the one before.
create table mailed_tokens (
    user_id    text        not null references users (id) on delete cascade,
    purpose    text        not null check (purpose in ('reset-password', 'delete-account')),
    -- SHA-256.
    token_hash bytea       not null check (length(token_hash) = 32),
    expires_at timestamptz not null,
    primary key (user_id, purpose),
    constraint mailed_tokens_token unique (token_hash)
);
