-- One row per event of the stores identity and session, kept by the projection auth_event_log.
create table auth_event_log (
    -- Given in the order of commits: the projection works under one lock.
    row        bigint      generated always as identity primary key,
    store      text        not null check (store in ('identity', 'session')),
    position   bigint      not null check (position > 0),
    at         timestamptz not null,
    type       text        not null,
    user_id    text        null,
    email      text        null,
    ip         text        null,
    user_agent text        null,
    detail     jsonb       not null,
    trace_id   text        null,
    constraint auth_event_log_store_position unique (store, position)
);

-- Each filter of an administrator, newest first.
create index auth_event_log_at on auth_event_log (at, row);
create index auth_event_log_user on auth_event_log (user_id, at, row);
create index auth_event_log_email on auth_event_log (email, at, row);
create index auth_event_log_ip on auth_event_log (ip, at, row);
create index auth_event_log_type on auth_event_log (type, at, row);
-- Rows that wait for an address.
create index auth_event_log_nameless on auth_event_log (user_id) where email is null;

comment on table auth_event_log is
    'Who registered, signed in, failed to, was locked out, signed out: one row per event of the stores identity and session, without a hole. A read model: rebuilt from the stores at any time.';
comment on column auth_event_log.row is 'Number of the row, in the order in which events reached this table';
comment on column auth_event_log.store is 'identity or session: the store that owns the event';
comment on column auth_event_log.position is 'Position of the event in its store, dense from 1';
comment on column auth_event_log.at is 'When it happened';
comment on column auth_event_log.type is 'Type of the event, for example user.signed_in';
comment on column auth_event_log.user_id is 'Whom it is about; null where there is no such user, and for events about no user';
comment on column auth_event_log.email is 'E-mail address the event names; for events of a session the address that identity last told of the user';
comment on column auth_event_log.ip is 'Address of the client; null where the event names none';
comment on column auth_event_log.user_agent is 'Browser of the client; null where the event names none';
comment on column auth_event_log.detail is 'What the type adds: method, reason, role, session_id, expires_at, consecutive_failures, key_id and the like; empty for a type this version does not know';
comment on column auth_event_log.trace_id is 'Trace of the request that caused the event (32 hexadecimal digits); null for an event outside a request';

-- What identity told last of each user.
create table known_emails (
    user_id text primary key,
    email   text not null
);

comment on table known_emails is 'E-mail address of each user as identity told it last; fills auth_event_log.email for events of sessions';
comment on column known_emails.user_id is 'The user';
comment on column known_emails.email is 'The address';
