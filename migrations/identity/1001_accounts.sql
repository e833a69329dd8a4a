-- What sign-in reads, written in the transaction of the event that changed it. All but the password
-- hashes, the pictures and the reservations can be folded again from the events.
create table users (
    id             text        primary key,
    email          text        not null check (email = lower(email)),
    name           text        not null,
    image          text        null,
    role           text        not null check (role in ('student', 'instructor', 'admin')),
    email_verified boolean     not null,
    -- When a verification mail was last asked for: mails to one address are spaced out.
    mail_asked_at  timestamptz null,
    created_at     timestamptz not null,
    updated_at     timestamptz not null,
    constraint users_email unique (email)
);

-- Secrets stand apart, so that no query about users can return one.
create table credentials (
    user_id       text        primary key references users (id),
    -- PHC string: algorithm, parameters, salt and hash.
    password_hash text        not null,
    changed_at    timestamptz not null
);

-- The guesses against one address, whether it has an account or not: an attacker must not learn
-- from a lock that there is one. A row without failures and attempts says nothing and may go.
create table sign_in_guards (
    -- HMAC of the address under AUTH_SECRET: what strangers type is not kept.
    address_key  text        primary key,
    failures     integer     not null default 0 check (failures >= 0),
    -- Attempts reserved and not yet settled; changed by difference only.
    in_flight    integer     not null default 0 check (in_flight >= 0),
    -- When the latest of them was reserved: those of a crashed process lapse.
    reserved_at  timestamptz null,
    locked_until timestamptz null
);
