-- What a message is admitted against, written in the transaction of the event that changed it.
-- The fold of the `quota-<user id>` streams: can be rebuilt from them at any time.
create table reservations (
    user_id        text        not null,
    -- Given by the caller (the turn's id); what makes a repeated call harmless.
    reservation_id text        not null,
    reserved_at    timestamptz not null,
    state          text        not null check (state in ('reserved', 'settled', 'refunded')),
    primary key (user_id, reservation_id)
);
create index reservations_window on reservations (user_id, reserved_at);
