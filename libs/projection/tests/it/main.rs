//! Projections against a real Postgres, a real nats-server and gRPC in memory.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod delivery;
mod log;
mod recovery;
mod support;
mod tail;
