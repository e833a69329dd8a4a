use std::sync::Arc;
use std::time::Duration;

use eventstore::{Meta, Publisher, PublisherStatus, RecordedEvent, Store};
use kernel::{Clock, ManualClock, NewEvent};
use sqlx::PgPool;
use testkit::TestDb;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) const NAMESPACE: &str = "test";

/// A store named `thing` in a database of its own.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) db: TestDb,
}

pub(crate) async fn world() -> World {
    let db = testkit::database(&[("thing", &[&eventstore::MIGRATOR])]).await;
    World { store: Store::new(db.pool("thing"), "thing"), clock: testkit::clock(), db }
}

impl World {
    /// The store as another process has it.
    pub(crate) fn other_process(&self) -> Store {
        Store::new(self.db.pool("thing"), "thing")
    }

    pub(crate) fn meta(&self) -> Meta {
        Meta::at(self.clock.now())
    }

    pub(crate) fn publisher(&self, nats: async_nats::Client) -> Publisher {
        Publisher::new(self.store.clone(), nats, NAMESPACE, self.clock.clone())
    }

    /// Appends one event and answers the stream's new version.
    pub(crate) async fn append(&self, stream: &str, text: &str) -> u64 {
        append_to(&self.store, stream, text, &self.meta()).await
    }

    pub(crate) async fn append_many(&self, count: u32) {
        for n in 0..count {
            self.append(&format!("thing-{}", n % 7), &format!("{n}")).await;
        }
    }

    pub(crate) async fn log(&self) -> Vec<RecordedEvent> {
        let mut all = Vec::new();
        loop {
            let more = self.store.read(all.len() as u64, 1000).await.unwrap();
            if more.is_empty() {
                return all;
            }
            all.extend(more);
        }
    }
}

pub(crate) async fn append_to(store: &Store, stream: &str, text: &str, meta: &Meta) -> u64 {
    let opened = store.open(stream).await.unwrap();
    opened.append(&[event(text)], meta).await.unwrap().commit().await.unwrap()
}

pub(crate) fn event(text: &str) -> NewEvent {
    NewEvent { event_type: "thing.done", schema: 1, data: text.as_bytes().to_vec() }
}

/// A bus that nobody serves.
pub(crate) async fn no_bus() -> async_nats::Client {
    async_nats::ConnectOptions::new().retry_on_initial_connect().connect("127.0.0.1:1").await.unwrap()
}

/// Tasks that end with the test.
#[derive(Default)]
pub(crate) struct Running {
    tasks: JoinSet<()>,
    shutdown: CancellationToken,
}

impl Running {
    pub(crate) fn publish(&mut self, publisher: Publisher) -> PublisherStatus {
        let status = publisher.status();
        self.tasks.spawn(publisher.run(self.shutdown.clone()));
        status
    }

    pub(crate) fn start(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    pub(crate) fn token(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }
}

/// Waits for a report of the publisher, for at most 20 seconds.
pub(crate) async fn reported(
    status: &PublisherStatus,
    what: &str,
    condition: impl FnMut(&eventstore::PublisherReport) -> bool,
) {
    let wait = status.wait_for(condition);
    assert!(
        tokio::time::timeout(Duration::from_secs(20), wait).await.is_ok(),
        "not within 20 s: {what}; {:?}",
        status.report()
    );
}

/// P1 and P2: every committed event has exactly one position, positions are dense, and they follow
/// each stream's versions. Answers the first violation.
pub(crate) async fn violation(pool: &PgPool) -> Option<String> {
    let rows: Vec<(Option<i64>, String, i64)> =
        sqlx::query_as("select gpos, stream, version from events order by gpos nulls last")
            .fetch_all(pool)
            .await
            .unwrap();
    let mut versions = std::collections::HashMap::<String, i64>::new();
    for (expected, (gpos, stream, version)) in (1..).zip(rows) {
        if gpos != Some(expected) {
            return Some(format!("{stream}/{version} has position {gpos:?}, expected {expected}"));
        }
        let last = versions.entry(stream.clone()).or_default();
        if version != *last + 1 {
            return Some(format!("inversion: {stream}/{version} at {expected} follows version {last}"));
        }
        *last = version;
    }
    None
}
