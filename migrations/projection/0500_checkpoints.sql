-- How far each projection of this service has come in each store it reads.
create table checkpoints (
    projection text        not null,
    store      text        not null,
    -- Last position applied; moves only in the transaction that applied it.
    gpos       bigint      not null default 0 check (gpos >= 0),
    updated_at timestamptz not null,
    primary key (projection, store)
);
