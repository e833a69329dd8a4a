-- What a request is checked against, written in the transaction of the event that changed it:
-- a session that was revoked is gone for the next request.
create table sessions (
    id         text        primary key,
    -- SHA-256 of the token: 190 random bits need no salt and no slow hash.
    token_hash bytea       not null check (length(token_hash) = 32),
    user_id    text        not null,
    expires_at timestamptz not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    ip         text        not null,
    user_agent text        not null,
    -- False: one day, never prolonged.
    remember   boolean     not null,
    revoked_at timestamptz null,
    constraint sessions_token_hash unique (token_hash)
);
create index sessions_user on sessions (user_id) where revoked_at is null;

-- Keys that sign access tokens. The newest signs, all of them verify.
create table signing_keys (
    -- RFC 7638 thumbprint of the public key.
    kid        text        primary key,
    algorithm  text        not null,
    -- Nonce and AES-256-GCM ciphertext of the PKCS#8 key, under a key derived from AUTH_SECRET.
    sealed     bytea       not null,
    -- RFC 7517 public key.
    public_jwk jsonb       not null,
    created_at timestamptz not null
);
