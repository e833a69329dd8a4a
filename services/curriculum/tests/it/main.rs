//! The service as a whole: real books in temporary directories, real Postgres, gRPC in memory.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod importing;
mod learning;
mod material;
mod sample;
mod support;
