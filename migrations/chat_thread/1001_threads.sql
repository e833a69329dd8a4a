-- What was said. The events of the `thread-<id>` streams carry no text (ADR 0005), so these tables
-- are the only place that holds it: they cannot be rebuilt, and deleting a thread's row deletes
-- its conversation. Ids compare bytewise: they are paged by.
create table threads (
    id          text collate "C" primary key,
    owner_id    text        not null,
    -- Empty until the first turn named it.
    title       text        not null default '',
    -- Of the page the thread began on; may be empty.
    course_slug text        not null,
    created_at  timestamptz not null
);
create index threads_of_owner on threads (owner_id, created_at, id);

create table items (
    -- Given by the caller; what makes a repeated call harmless.
    id         text collate "C" primary key,
    thread_id  text collate "C" not null references threads (id) on delete cascade,
    -- Dense per thread, from 1.
    seq        bigint      not null check (seq > 0),
    kind       text        not null check (kind in ('user_message', 'assistant_message')),
    created_at timestamptz not null,
    -- A JSON object, byte for byte what the hash in `thread.item_added` was made of.
    payload    bytea       not null check (octet_length(payload) <= 262144),
    constraint items_thread_seq unique (thread_id, seq)
);
