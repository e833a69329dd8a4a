//! Real parts for tests: a fresh Postgres database and a private `nats-server` per test, gRPC in
//! memory, a clock that moves when told, and waiting on conditions instead of sleeping.
//!
//! A dev-dependency only. Everything here panics with a reason instead of returning errors: a
//! test has nobody to report to.
#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a test helper fails by panicking")]
#![expect(clippy::print_stdout, reason = "the test runner shows it")]
#![expect(clippy::disallowed_methods, reason = "tests take their settings from the environment")]

mod db;
mod grpc;
mod nats;

pub use db::{TestDb, database};
pub use grpc::{peer_for, peers_for};
pub use nats::{TestNats, nats};

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use kernel::{ManualClock, SeededEntropy};

/// A clock standing at 2026-01-05T09:00:00Z, a Monday.
pub fn clock() -> Arc<ManualClock> {
    let start = kernel_time(1_767_603_600);
    Arc::new(ManualClock::new(start))
}

pub fn entropy() -> Arc<SeededEntropy> {
    Arc::new(SeededEntropy::new(42))
}

/// Waits until `condition` answers something, for at most ten seconds.
pub async fn eventually<T, F, Fut>(what: &str, mut condition: F) -> T
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let wait = async {
        loop {
            if let Some(value) = condition().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait)
        .await
        .unwrap_or_else(|_| panic!("not within ten seconds: {what}"))
}

fn kernel_time(seconds: i64) -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp(seconds, 0).expect("a valid time")
}
