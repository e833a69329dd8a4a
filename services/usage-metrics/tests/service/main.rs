//! From an event in a store to a row and an answer: real stores, Postgres and NATS.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ai_usage;
mod auth_events;
mod env;
mod erasure;
mod verify;
