-- What must happen in the outside world because of an event: written in the event's transaction,
-- performed by a worker at least once under the idempotency key (kind, key).
create table effects (
    id           bigint generated always as identity primary key,
    kind         text        not null,
    key          text        not null,
    payload      jsonb       not null,
    state        text        not null default 'pending' check (state in ('pending', 'done', 'given_up')),
    attempts     integer     not null default 0,
    -- Earliest time of the next attempt. Also the lease: a worker that takes an effect moves it
    -- ahead, so that an effect whose worker died is taken up again.
    due_at       timestamptz not null,
    enqueued_at  timestamptz not null,
    finished_at  timestamptz null,
    last_error   text        null,
    constraint effects_kind_key unique (kind, key)
);

create index effects_due on effects (due_at) where state = 'pending';
create index effects_given_up on effects (kind, finished_at) where state = 'given_up';
