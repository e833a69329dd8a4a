-- The log of one service. Every service schema has its own.
create table events (
    -- Order of insertion. Visible out of order: never a reader's cursor.
    pos         bigint generated always as identity primary key,
    -- The inserting transaction. Means nothing outside this cluster; only the sequencer reads it.
    tx          xid8        not null default pg_current_xact_id(),
    -- Dense position from 1, given once by the sequencer. The only order readers may use.
    gpos        bigint      null check (gpos > 0),
    stream      text        not null check (stream <> ''),
    -- Dense per stream, from 1.
    version     bigint      not null check (version > 0),
    type        text        not null,
    schema      integer     not null check (schema > 0),
    -- The person whose data the event holds, if any: the handle of their sealing key.
    subject_key text        null,
    data        bytea       not null,
    meta        jsonb       not null,
    at          timestamptz not null,
    constraint events_stream_version unique (stream, version)
);

create unique index events_gpos on events (gpos) where gpos is not null;
create index events_unsequenced on events (tx, pos) where gpos is null;
create index events_subject_key on events (subject_key) where subject_key is not null;

-- Each row is written twice (insert, then gpos); dead entries at the head of events_unsequenced
-- would slow the sequencer down, so vacuum earlier than the default fifth of the table.
alter table events set (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000);

-- One row: how far the log is sequenced, and who may sequence.
create table sequencer (
    one     boolean primary key default true check (one),
    -- Highest gpos given.
    gpos    bigint  not null default 0,
    -- Fence: raised by each new leader; a statement that names an older epoch changes nothing.
    epoch   bigint  not null default 0,
    -- The cluster whose transaction ids `events.tx` holds. A dump restored elsewhere is recognised by it.
    cluster text    not null
);
insert into sequencer (cluster) select system_identifier::text from pg_control_system();

-- Events are never changed or removed, whoever asks; a position is given once.
create function refuse_event_change() returns trigger language plpgsql as $$
begin
    raise exception 'events are immutable' using errcode = 'restrict_violation';
end $$;

create trigger events_immutable
    before update of pos, tx, stream, version, type, schema, subject_key, data, meta, at or delete on events
    for each statement execute function refuse_event_change();
create trigger events_not_truncated
    before truncate on events
    for each statement execute function refuse_event_change();
create trigger events_sequenced_once
    before update of gpos on events
    for each row when (old.gpos is not null) execute function refuse_event_change();
