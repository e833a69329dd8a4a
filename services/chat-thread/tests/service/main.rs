//! The service as its callers see it: gRPC in memory, real Postgres, a clock that moves when told.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod env;
mod events;
mod messages;
mod owners;
mod pages;
