alter table users
    -- A change of the address that was asked for in an earlier one is void.
    add column pending_epoch bigint not null default 1 check (pending_epoch > 0),
    -- In which the owner of the present address agreed to the change; null: in none.
    add column agreed_epoch bigint null,
    -- When the account moved to its address; null: it began there.
    add column email_changed_at timestamptz null,
    -- Devices that became known in an earlier one are not: the password has changed since.
    add column device_epoch bigint not null default 1 check (device_epoch > 0);
