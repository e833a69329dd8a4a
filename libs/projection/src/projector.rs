use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use kernel::Clock;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::follower::Follower;
use crate::{EventLogReader, Projection, ProjectorStatus};

/// Keeps one projection up to date with the stores it reads. Run it in every process of the
/// service: replicas share the work and never apply an event twice.
#[derive(Clone)]
pub struct Projector {
    pub(crate) pool: PgPool,
    pub(crate) nats: async_nats::Client,
    pub(crate) namespace: String,
    pub(crate) projection: Arc<dyn Projection>,
    pub(crate) logs: Arc<dyn EventLogReader>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) catch_up_every: Duration,
    pub(crate) status: ProjectorStatus,
}

impl Projector {
    /// `pool`'s connections have the service's schema as their `search_path`; `logs` must know
    /// every source of the projection.
    #[expect(clippy::too_many_arguments, reason = "the whole outside world of a projection, named once")]
    pub fn new(
        pool: PgPool,
        nats: async_nats::Client,
        namespace: &str,
        projection: Arc<dyn Projection>,
        logs: Arc<dyn EventLogReader>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            pool,
            nats,
            namespace: namespace.to_owned(),
            projection,
            logs,
            clock,
            catch_up_every: Duration::from_secs(5),
            status: ProjectorStatus::default(),
        }
    }

    /// How long the bus may be silent before the owner is asked (5 seconds by default).
    #[must_use]
    pub fn catch_up_every(mut self, pause: Duration) -> Self {
        self.catch_up_every = pause;
        self
    }

    /// For readiness checks. Clones share it.
    pub fn status(&self) -> ProjectorStatus {
        self.status.clone()
    }

    /// Runs until `shutdown`; outlives any outage of Postgres, NATS or the stores' owners.
    pub async fn run(self, shutdown: CancellationToken) {
        let followers: Vec<Follower<'_>> =
            self.projection.sources().iter().map(|store| Follower::new(&self, store)).collect();
        shutdown.run_until_cancelled(join_all(followers.iter().map(Follower::run))).await;
    }
}

impl std::fmt::Debug for Projector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Projector").field("projection", &self.projection.name()).finish_non_exhaustive()
    }
}
