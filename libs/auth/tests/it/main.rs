//! Tokens signed with a real key, good and bad, against the public interface.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fuzz;
mod verification;
mod world;
