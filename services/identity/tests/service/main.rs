//! The service as its callers see it: gRPC in memory, real Postgres, a clock that moves when told.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod administration;
mod deletion;
mod devices;
mod email_change;
mod env;
mod github;
mod issuer;
mod linking;
mod operators;
mod passwords;
mod provider_tokens;
mod races;
mod sign_in;
mod sign_up;
mod social;
mod verification;
