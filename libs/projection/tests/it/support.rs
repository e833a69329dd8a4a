use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::DateTime;
use eventstore::{Meta, Publisher, RecordedEvent, Store};
use kernel::{Clock, ManualClock, NewEvent};
use projection::{ApplyError, EventLogReader, Head, Projection, Projector, ProjectorStatus, ReadError, Tail};
use sqlx::{PgConnection, PgPool};
use testkit::TestDb;
use tokio::sync::RwLock;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) const NAMESPACE: &str = "test";

/// The sum and the last text by stream: wrong as soon as an event is lost, doubled or reordered.
pub(crate) type Folded = BTreeMap<String, (i64, String)>;

/// The projection as a pure function: what each test compares with.
pub(crate) fn fold(events: &[RecordedEvent]) -> Folded {
    let mut folded = Folded::new();
    for event in events {
        let text = String::from_utf8(event.data.clone()).unwrap();
        let (count, last) = folded.entry(event.stream.clone()).or_default();
        *count += 1;
        *last =
            format!("{last}{text}").chars().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect();
    }
    folded
}

/// The same in SQL. Poisoned by the texts `poison` and, before the transaction, `unready`
/// until healed.
#[derive(Default)]
pub(crate) struct Totals {
    pub(crate) healed: AtomicBool,
}

#[async_trait]
impl Projection for Totals {
    fn name(&self) -> &'static str {
        "totals"
    }

    fn sources(&self) -> &'static [&'static str] {
        &["thing"]
    }

    async fn prepare(&self, events: &[RecordedEvent]) -> Result<(), ApplyError> {
        let mut unready = events.iter().filter(|event| event.data == b"unready");
        match unready.next() {
            Some(event) if !self.healed.load(Ordering::SeqCst) => {
                Err(ApplyError::Poison(format!("{} is not ready", event.position)))
            }
            _ => Ok(()),
        }
    }

    async fn apply(&self, tx: &mut PgConnection, event: &RecordedEvent) -> Result<(), ApplyError> {
        let text = String::from_utf8_lossy(&event.data);
        if text == "poison" && !self.healed.load(Ordering::SeqCst) {
            // A refused statement takes the transaction with it.
            sqlx::query("select 1/0").execute(&mut *tx).await?;
        }
        sqlx::query(
            "insert into totals values ($1, 1, right($2, 40)) on conflict (stream)
             do update set count = totals.count + 1, last = right(totals.last || $2, 40)",
        )
        .bind(&event.stream)
        .bind(text)
        .execute(tx)
        .await?;
        Ok(())
    }
}

/// A service `owner` with a store and a service `reader` with a projection of it.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) reader: PgPool,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) db: TestDb,
}

pub(crate) async fn world() -> World {
    let db = testkit::database(&[
        ("thing", &[&eventstore::MIGRATOR]),
        ("reader", &[&eventstore::MIGRATOR, &projection::MIGRATOR]),
    ])
    .await;
    let reader = db.pool("reader");
    sqlx::query("create table totals (stream text primary key, count bigint, last text)")
        .execute(&reader)
        .await
        .unwrap();
    World { store: Store::new(db.pool("thing"), "thing"), reader, clock: testkit::clock(), db }
}

impl World {
    pub(crate) async fn append(&self, stream: &str, text: &str) {
        let event = NewEvent { event_type: "thing.done", schema: 1, data: text.as_bytes().to_vec() };
        let mut meta = Meta::at(self.clock.now());
        meta.traceparent =
            kernel::TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let opened = self.store.open(stream).await.unwrap();
        opened.append(&[event], &meta).await.unwrap().commit().await.unwrap();
    }

    pub(crate) async fn append_many(&self, count: u32) {
        for n in 0..count {
            self.append(&format!("thing-{}", n % 5), &format!("{n},")).await;
        }
    }

    pub(crate) fn publisher(&self, nats: async_nats::Client) -> Publisher {
        Publisher::new(self.store.clone(), nats, NAMESPACE, self.clock.clone())
    }

    pub(crate) fn projector(
        &self,
        nats: async_nats::Client,
        totals: &Arc<Totals>,
        logs: Arc<dyn EventLogReader>,
    ) -> Projector {
        Projector::new(self.reader.clone(), nats, NAMESPACE, totals.clone(), logs, self.clock.clone())
            .catch_up_every(Duration::from_millis(300))
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

    pub(crate) async fn checkpoint(&self) -> u64 {
        let found: Option<i64> =
            sqlx::query_scalar("select gpos from checkpoints").fetch_optional(&self.reader).await.unwrap();
        found.unwrap_or(0).unsigned_abs()
    }

    pub(crate) async fn rows(&self) -> Folded {
        let rows: Vec<(String, i64, String)> =
            sqlx::query_as("select stream, count, last from totals").fetch_all(&self.reader).await.unwrap();
        rows.into_iter().map(|(stream, count, last)| (stream, (count, last))).collect()
    }

    /// Waits until the checkpoint is at `position`, then compares the rows with the pure fold (P4).
    pub(crate) async fn assert_projected(&self, position: u64) {
        testkit::eventually(&format!("checkpoint {position}"), || async {
            (self.checkpoint().await == position).then_some(())
        })
        .await;
        let log = self.log().await;
        assert_eq!(self.rows().await, fold(&log[..usize::try_from(position).unwrap()]));
    }
}

/// Counts what is asked of the owner, and can be away.
pub(crate) struct Counted {
    pub(crate) store: Store,
    pub(crate) away: AtomicBool,
    /// Held for reading while a question is answered.
    answering: RwLock<()>,
    /// Something is recorded that has no position yet.
    pub(crate) behind: AtomicBool,
    pub(crate) answered: AtomicU64,
    /// Head of the log as the owner answers it.
    pub(crate) head: AtomicU64,
}

impl Counted {
    pub(crate) fn new(store: &Store) -> Arc<Self> {
        Arc::new(Self {
            store: store.clone(),
            away: AtomicBool::new(false),
            answering: RwLock::new(()),
            behind: AtomicBool::new(false),
            answered: AtomicU64::new(0),
            head: AtomicU64::new(u64::MAX),
        })
    }

    /// From when this is done the owner answers nothing more, not even what it was asked before.
    pub(crate) async fn leave(&self) {
        self.away.store(true, Ordering::SeqCst);
        drop(self.answering.write().await);
    }
}

#[async_trait]
impl EventLogReader for Counted {
    async fn read(&self, store: &str, after: u64, limit: u32) -> Result<Vec<RecordedEvent>, ReadError> {
        let _answering = self.answering.read().await;
        if self.away.load(Ordering::SeqCst) {
            return Err(ReadError::Unavailable { store: store.to_owned(), detail: "away".to_owned() });
        }
        let mut events = EventLogReader::read(&self.store, store, after, limit).await?;
        events.retain(|event| event.position <= self.head.load(Ordering::SeqCst));
        self.answered.fetch_add(events.len() as u64, Ordering::SeqCst);
        Ok(events)
    }

    async fn head(&self, store: &str) -> Result<Head, ReadError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(ReadError::Unavailable { store: store.to_owned(), detail: "away".to_owned() });
        }
        let head = EventLogReader::head(&self.store, store).await?;
        let behind = self.behind.load(Ordering::SeqCst);
        let unsequenced_since = if behind { Some(DateTime::UNIX_EPOCH) } else { head.unsequenced_since };
        Ok(Head { position: head.position.min(self.head.load(Ordering::SeqCst)), unsequenced_since })
    }
}

/// Tasks that end with the test.
#[derive(Default)]
pub(crate) struct Running {
    tasks: JoinSet<()>,
    shutdown: CancellationToken,
}

impl Running {
    pub(crate) fn publish(&mut self, publisher: Publisher) -> eventstore::PublisherStatus {
        let status = publisher.status();
        self.tasks.spawn(publisher.run(self.shutdown.clone()));
        status
    }

    pub(crate) fn tail(&mut self, tail: &Tail) {
        self.tasks.spawn(tail.clone().run(self.shutdown.clone()));
    }

    pub(crate) fn project(&mut self, projector: Projector) -> ProjectorStatus {
        let status = projector.status();
        self.tasks.spawn(projector.run(self.shutdown.clone()));
        status
    }

    pub(crate) async fn stop(mut self) {
        self.shutdown.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
    }
}
