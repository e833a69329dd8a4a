-- Sign-ins that are under way at another provider. Good once, for ten minutes; PKCE verifier and
-- nonce are made of the state and AUTH_SECRET and kept nowhere.
create table social_states (
    -- SHA-256.
    state_hash      bytea       primary key check (length(state_hash) = 32),
    provider_id     text        not null,
    callback_url    text        not null,
    error_url       text        not null,
    new_user_url    text        not null,
    -- Whose account is to be linked, and in which session; empty: a sign-in.
    link_user_id    text        not null,
    link_session_id text        not null,
    scopes          text[]      not null,
    expires_at      timestamptz not null
);
create index social_states_expiry on social_states (expires_at);
