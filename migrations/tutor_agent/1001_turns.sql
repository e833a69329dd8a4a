-- Turns and who works on them. Inline: the states that an event tells of are written in the
-- transaction of that event. A turn that is not finished belongs to its holder until lease_until.
create table turns (
    id          text        primary key,
    user_id     text        not null,
    -- The thread's id also when the thread does not exist yet: the turn chooses it.
    thread_id   text        not null,
    -- Derived from the turn's id, so that storing the answer twice stores it once.
    answer_id   text        not null,
    -- "offline" or the model's name, as known when the turn started.
    model       text        not null,
    -- reserving: nothing happened but perhaps a reservation. running: turn.started is recorded.
    -- answered: the answer is complete and must reach the thread, then the quota is settled.
    -- failing: the quota must be given back. completed, failed: recorded, nothing is left to do.
    state       text        not null
        check (state in ('reserving', 'running', 'answered', 'failing', 'completed', 'failed')),
    -- Why it is failing; a reason of turn.failed.
    reason      text        null,
    -- The thread's name to be, for a thread without one; gone once the turn is finished.
    title       text        null,
    -- While answered: the item's payload and the encoded turn.completed. Text of a conversation
    -- stays here no longer than it takes to store it in the thread.
    answer      bytea       null,
    completed   bytea       null,
    holder      text        not null,
    heartbeat_at timestamptz not null,
    lease_until timestamptz not null,
    started_at  timestamptz not null,
    finished_at timestamptz null,
    constraint turns_answered check ((state = 'answered') = (answer is not null and completed is not null)),
    constraint turns_failing check (state <> 'failing' or reason is not null)
);

create index turns_unfinished on turns (lease_until)
    where state in ('reserving', 'running', 'answered', 'failing');
