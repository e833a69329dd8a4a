-- The OpenID provider: applications, what people have agreed to, and what was granted.

create table oauth_clients (
    id          text        primary key,
    -- RFC 7591, section 2, and our own members.
    metadata    jsonb       not null,
    -- SHA-256: the secret has 256 random bits, which need no salt and no slow hash.
    secret_hash bytea       null check (length(secret_hash) = 32),
    created_at  timestamptz not null,
    updated_at  timestamptz not null
);

create table oauth_consents (
    id         text        primary key,
    user_id    text        not null,
    client_id  text        not null references oauth_clients on delete cascade,
    scopes     text[]      not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint oauth_consents_one unique (user_id, client_id)
);
create index oauth_consents_client on oauth_consents (client_id);

-- RFC 9126: requests that clients have sent beforehand.
create table oauth_pushed_requests (
    -- SHA-256 of the reference.
    hash       bytea       primary key,
    client_id  text        not null references oauth_clients on delete cascade,
    parameters jsonb       not null,
    expires_at timestamptz not null
);
create index oauth_pushed_requests_expiry on oauth_pushed_requests (expires_at);

create table oauth_codes (
    -- SHA-256 of the code.
    hash       bytea       primary key,
    -- Of the grant that redeeming it makes.
    grant_id   text        not null unique,
    client_id  text        not null references oauth_clients on delete cascade,
    -- What it was asked for with and is good for.
    request    jsonb       not null,
    user_id    text        not null,
    session_id text        not null,
    epoch      bigint      not null,
    auth_time  timestamptz not null,
    expires_at timestamptz not null,
    -- Kept for a day afterwards: who comes with it again is a thief or was robbed.
    used_at    timestamptz null
);
create index oauth_codes_expiry on oauth_codes (expires_at);
create index oauth_codes_user on oauth_codes (user_id);

-- What a person, or nobody, has granted to a client: all tokens of a grant live and end with it.
create table oauth_grants (
    id         text        primary key,
    client_id  text        not null references oauth_clients on delete cascade,
    -- Null: the client acts for itself.
    user_id    text        null,
    session_id text        null,
    epoch      bigint      not null,
    scopes     text[]      not null,
    resources  text[]      not null,
    -- The parameter `claims` (OpenID Connect Core 1.0, section 5.5).
    claims     jsonb       null,
    -- RFC 7638 thumbprint of the key that refresh tokens are bound to (RFC 9449, section 5).
    jkt        text        null,
    auth_time  timestamptz null,
    issued_at  timestamptz not null,
    -- Of the youngest token.
    expires_at timestamptz not null,
    revoked_at timestamptz null
);
create index oauth_grants_session on oauth_grants (session_id) where revoked_at is null;
create index oauth_grants_user on oauth_grants (user_id);
create index oauth_grants_client on oauth_grants (client_id);
create index oauth_grants_expiry on oauth_grants (expires_at);
create index oauth_grants_revoked on oauth_grants (revoked_at) where revoked_at is not null;

create table oauth_refresh_tokens (
    -- SHA-256 of the token.
    hash       bytea       primary key,
    grant_id   text        not null references oauth_grants on delete cascade,
    expires_at timestamptz not null,
    used_at    timestamptz null,
    -- What it was exchanged for, sealed with the token itself: whoever lost that answer may ask
    -- for it again for some seconds.
    answer     bytea       null
);
create index oauth_refresh_tokens_grant on oauth_refresh_tokens (grant_id);

-- RFC 8628.
create table oauth_devices (
    -- SHA-256 of the device code and of the user code.
    hash       bytea       primary key,
    user_hash  bytea       not null unique,
    client_id  text        not null references oauth_clients on delete cascade,
    scopes     text[]      not null,
    resources  text[]      not null,
    expires_at timestamptz not null,
    -- Seconds between two questions of the device.
    pause      int         not null,
    polled_at  timestamptz null,
    -- pending, approved, denied, used
    state      text        not null check (state in ('pending', 'approved', 'denied', 'used')),
    grant_id   text        not null unique,
    user_id    text        null,
    session_id text        null,
    epoch      bigint      null,
    auth_time  timestamptz null
);
create index oauth_devices_expiry on oauth_devices (expires_at);
create index oauth_devices_user on oauth_devices (user_id) where user_id is not null;

-- `jti` of assertions and proofs (RFC 7523, section 3; RFC 9449, section 11.1): good once.
create table oauth_used_ids (
    -- SHA-256 of purpose, owner and id.
    hash       bytea       primary key,
    expires_at timestamptz not null
);
create index oauth_used_ids_expiry on oauth_used_ids (expires_at);
