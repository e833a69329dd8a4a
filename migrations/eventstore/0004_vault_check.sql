-- Which AUTH_SECRET the keys of persons are wrapped under: of two, the second one would make rows that
-- the first cannot read.
create table vault_check (
    only_row boolean primary key default true check (only_row),
    -- Nonce and AES-256-GCM ciphertext of nothing, under the key derived from AUTH_SECRET.
    sealed   bytea   not null
);
