-- Where each key of the throttles stands (GCRA, see the service's domain/throttle.rs). Plain rows, no
-- events: they are worth nothing once they have run out.
create table throttles (
    key        text collate "C" not null primary key,
    -- When everything counted will have run out: GCRA's theoretical arrival time.
    empty_at   timestamptz not null,
    -- How much later one more call makes that; kept for giving calls back.
    spacing    interval    not null check (spacing > interval '0'),
    -- After `empty_at`, in whole minutes: an index on a value that changes with every call would
    -- keep updates from being heap-only (PostgreSQL manual, section "Heap-Only Tuples").
    expires_at timestamptz not null check (expires_at > empty_at)
) with (
    -- Few rows, written over and over: room on the page for the next version of each, and dead
    -- versions removed early, by their number rather than by their share.
    fillfactor = 50,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_analyze_scale_factor = 0.05
);
create index throttles_expired on throttles (expires_at);
