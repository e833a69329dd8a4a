use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// What a publisher last knew of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PublisherReport {
    /// Whether this process sequences and publishes the store; of several, one does.
    pub leader: bool,
    /// Highest position given.
    pub head: u64,
    /// Highest position that the bus has acknowledged.
    pub published: u64,
    /// How long committed events have been waiting for an older transaction of the cluster to end.
    pub frontier_age: Duration,
    /// Why Postgres cannot be used, if so.
    pub database: Option<String>,
    /// Why the bus cannot be used, if so.
    pub bus: Option<String>,
}

/// A live view of a publisher.
#[derive(Debug, Clone)]
pub struct PublisherStatus(Arc<watch::Sender<PublisherReport>>);

impl Default for PublisherStatus {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(PublisherReport::default())))
    }
}

impl PublisherStatus {
    pub fn report(&self) -> PublisherReport {
        self.0.borrow().clone()
    }

    /// # Errors
    /// What is wrong, for operators.
    pub fn ready(&self) -> Result<(), String> {
        let report = self.0.borrow();
        match (&report.database, &report.bus) {
            (Some(problem), _) => Err(format!("event store: {problem}")),
            (None, Some(problem)) => Err(format!("event relay: {problem}")),
            (None, None) => Ok(()),
        }
    }

    /// Waits until a report fulfils the condition.
    pub async fn wait_for(&self, condition: impl FnMut(&PublisherReport) -> bool) -> PublisherReport {
        let mut reports = self.0.subscribe();
        // The sender lives in `self`, so the channel is open.
        let found = reports.wait_for(condition).await.map(|report| report.clone());
        found.unwrap_or_default()
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut PublisherReport)) {
        self.0.send_if_modified(|report| {
            let before = report.clone();
            change(report);
            *report != before
        });
    }
}
