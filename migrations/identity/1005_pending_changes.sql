alter table users
    -- A change of the address that was asked for in an earlier one is void.
    add column pending_epoch bigint not null default 1 check (pending_epoch > 0),
    -- When the account moved to its address; null: it began there.
    add column email_changed_at timestamptz null;
