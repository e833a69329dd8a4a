//! The service as its callers see it: gRPC in memory, real Postgres, a clock that moves when told.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod access_tokens;
mod directory;
mod ends;
mod env;
mod impersonation;
mod keys;
mod privacy;
mod races;
mod revoking;
mod sessions;
