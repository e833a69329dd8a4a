-- Nothing personal stands here in clear any more (ADR 0007): what an event says of a person stays
-- sealed at the store's owner, and this table has keyed hashes to search by. Built anew from
-- position 0: rows of before hold addresses.
drop table auth_event_log;
drop table known_emails;
update checkpoints set gpos = 0 where projection = 'auth_event_log';

create table auth_event_log (
    -- Given in the order of commits: the projection works under one lock.
    row            bigint      generated always as identity primary key,
    store          text        not null check (store in ('identity', 'session')),
    position       bigint      not null check (position > 0),
    at             timestamptz not null,
    type           text        not null,
    user_id        text        null,
    subject        text        null,
    actor          text        null,
    detail         jsonb       not null,
    trace_id       text        null,
    email_hash     bytea       null check (length(email_hash) = 16),
    new_email_hash bytea       null check (length(new_email_hash) = 16),
    ip_hash        bytea       null check (length(ip_hash) = 16),
    network_hash   bytea       null check (length(network_hash) = 16),
    constraint auth_event_log_store_position unique (store, position),
    constraint auth_event_log_hashes_of_someone
        check (subject is not null or num_nonnulls(email_hash, new_email_hash, ip_hash, network_hash) = 0)
);

-- Each filter of an administrator, newest first.
create index auth_event_log_at on auth_event_log (at, row);
create index auth_event_log_user on auth_event_log (user_id, at, row);
create index auth_event_log_type on auth_event_log (type, at, row);
create index auth_event_log_email on auth_event_log (email_hash, at, row) where email_hash is not null;
create index auth_event_log_new_email on auth_event_log (new_email_hash) where new_email_hash is not null;
create index auth_event_log_ip on auth_event_log (ip_hash, at, row) where ip_hash is not null;
create index auth_event_log_network on auth_event_log (network_hash, at, row) where network_hash is not null;
-- Where identity told a user's address, for events of sessions, which name none.
create index auth_event_log_address on auth_event_log (user_id, at, row)
    where store = 'identity' and email_hash is not null;
-- Whose hashes go when a person is erased, and who was.
create index auth_event_log_subject on auth_event_log (subject) where subject is not null;
create index auth_event_log_erased on auth_event_log (user_id)
    where store = 'identity' and type = 'user.erased';

comment on table auth_event_log is
    'What happened to accounts, sessions and signing keys: one row per event of the stores identity and session, without a hole, and nothing personal in clear. A read model: rebuilt from the stores at any time.';
comment on column auth_event_log.row is 'Number of the row, in the order in which events reached this table';
comment on column auth_event_log.store is 'identity or session: the store that owns the event';
comment on column auth_event_log.position is 'Position of the event in its store, dense from 1; what the event says of a person is asked for by it (EventLog.Unseal)';
comment on column auth_event_log.at is 'When it happened';
comment on column auth_event_log.type is 'Type of the event, for example user.signed_in';
comment on column auth_event_log.user_id is 'Whom it is about; null where there is no such user, and for events about no user';
comment on column auth_event_log.subject is 'Under whose key the event is sealed: the user, the administrator who acts as the user, or address- and a keyed hash for an address without an account; null where nothing is sealed';
comment on column auth_event_log.actor is 'Who did it, as the event has it; null where anyone may have';
comment on column auth_event_log.detail is 'What the type adds: method, reason, role, session_id, expires_at, consecutive_failures, key_id and the like; empty where it adds nothing, and for a type this version does not know';
comment on column auth_event_log.trace_id is 'Trace of the request that caused the event (32 hexadecimal digits); null for an event outside a request';
comment on column auth_event_log.email_hash is 'Keyed hash of the e-mail address the event names; null where it names none, and once the person is erased';
comment on column auth_event_log.new_email_hash is 'The same of the address that an e-mail change leads to';
comment on column auth_event_log.ip_hash is 'The same of the address of the client';
comment on column auth_event_log.network_hash is 'The same of its /64 network, for IPv6';
