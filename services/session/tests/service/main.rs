//! The service as its callers see it: gRPC in memory, real Postgres, a clock that moves when told.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod access_tokens;
mod env;
mod sessions;
