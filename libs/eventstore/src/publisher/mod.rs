//! Sequencer and relay: from committed events to an ordered log, and from there to its copy on
//! the bus.

mod leader;
mod relay;
mod sequencer;
mod status;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use kernel::Clock;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use status::{PublisherReport, PublisherStatus};

use crate::{Backoff, Store};
use leader::Leader;
use relay::Relay;

/// Gives the store's events their positions and publishes them on the bus, in order. Run one in
/// every process of the service: one leads, the others stand by within half a second of it and
/// meanwhile wake the leader for the commits of their process.
#[derive(Debug, Clone)]
pub struct Publisher {
    store: Store,
    nats: async_nats::Client,
    namespace: String,
    clock: Arc<dyn Clock>,
    replicas: usize,
    status: PublisherStatus,
}

/// Why this process no longer leads.
#[derive(Debug, thiserror::Error)]
enum PublisherError {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error("Postgres did not answer in time")]
    TimedOut(#[from] tokio::time::error::Elapsed),
    #[error("another process leads now")]
    Fenced,
}

impl Publisher {
    /// `namespace` is the prefix of every stream and subject name.
    pub fn new(store: Store, nats: async_nats::Client, namespace: &str, clock: Arc<dyn Clock>) -> Self {
        let status = PublisherStatus::default();
        Self { store, nats, namespace: namespace.to_owned(), clock, replicas: 1, status }
    }

    /// Copies that the bus keeps: 1 or, in production, 3.
    #[must_use]
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// For readiness checks. Clones share it.
    pub fn status(&self) -> PublisherStatus {
        self.status.clone()
    }

    /// Runs until `shutdown`. Outlives any outage of Postgres or NATS: it reports it, pauses for at
    /// most two seconds at a time, and goes on where the log says it stopped.
    pub async fn run(self, shutdown: CancellationToken) {
        shutdown.run_until_cancelled(self.lead_for_ever()).await;
    }

    async fn lead_for_ever(&self) {
        let mut pauses = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
        loop {
            let started = Instant::now();
            let error = match Box::pin(self.lead()).await {
                Ok(never) => match never {},
                Err(error) => error,
            };
            tracing::warn!(store = self.store.name(), %error, "the publisher gives its place up");
            let away = !matches!(error, PublisherError::Fenced);
            self.status.update(|report| {
                report.leader = false;
                report.database = away.then(|| error.to_string());
            });
            if started.elapsed() > Duration::from_secs(10) {
                pauses.reset();
            }
            tokio::time::sleep(pauses.step()).await;
        }
    }

    async fn lead(&self) -> Result<Infallible, PublisherError> {
        let leader = Leader::wait(&self.store, &self.status).await?;
        let (heads, changes) = watch::channel(leader.head);
        let relay = Relay::new(self, leader.epoch);
        tokio::select! {
            ended = sequencer::run(self, leader, &heads) => ended,
            ended = relay.run(changes) => ended,
        }
    }
}
