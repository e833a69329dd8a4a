//! The event store against a real Postgres and a real nats-server.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]
#![expect(clippy::disallowed_methods, reason = "tests take their settings from the environment")]

mod append;
mod effects;
mod envelope;
mod fences;
mod order;
mod relay;
mod sealing;
mod support;
