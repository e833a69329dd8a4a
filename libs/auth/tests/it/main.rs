//! Tokens signed with a real key, good and bad, against the public interface.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod axum;
mod cache;
mod dpop;
mod fuzz;
mod holder;
mod http;
mod kinds;
mod revocation;
mod tonic;
mod verification;
mod world;
