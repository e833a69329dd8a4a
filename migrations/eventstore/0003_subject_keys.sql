-- The keys that seal personal data, one for each person (ADR 0007). To erase a person is to delete
-- the row: what was sealed under it, in the log, on the bus and in tables, is noise from then on.
create table subject_keys (
    -- The handle of the person: a user's id, or the keyed hash of an address without an account.
    subject    text        primary key,
    -- Nonce and AES-256-GCM ciphertext of the key, under a key derived from AUTH_SECRET.
    wrapped    bytea       not null,
    created_at timestamptz not null
);
