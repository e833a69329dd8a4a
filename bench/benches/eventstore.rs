//! Appends, and the way from commit to read model.
//!
//! Peer: the same table with one exclusive lock around every append, the simplest store whose
//! readers miss nothing. `./dev bench` sets what it needs.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark reports by printing and fails by panicking"
)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bench::Sample;
use eventstore::{Meta, Publisher, RecordedEvent, Store};
use kernel::{Clock, NewEvent, SystemClock};
use projection::{ApplyError, Projection, Projector};
use sqlx::{PgConnection, PgPool};
use testkit::TestDb;
use tokio_util::sync::CancellationToken;

const WRITERS: usize = 16;
const APPENDS_PER_WRITER: usize = 250;
const PAYLOAD: usize = 200;
const RATE: u32 = 500;
const RATED_SECONDS: u32 = 10;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let ours = throughput("append, ours", append).await;
        let peer = throughput("append, peer (exclusive lock)", append_under_lock).await;
        println!("ratio appends/s, ours : peer = {:.1}", ours / peer);
        commit_to_read_model().await;
    });
}

fn event() -> NewEvent {
    NewEvent { event_type: "bench.happened", schema: 1, data: vec![7; PAYLOAD] }
}

async fn database() -> TestDb {
    testkit::database(&[("bench", &[&eventstore::MIGRATOR, &projection::MIGRATOR])]).await
}

async fn append(store: Store, stream: String) {
    let opened = store.open(&stream).await.expect("open");
    let appended = opened.append(&[event()], &Meta::at(SystemClock.now())).await.expect("append");
    appended.commit().await.expect("commit");
}

async fn append_under_lock(store: Store, stream: String) {
    let mut tx = store.pool().begin().await.expect("begin");
    sqlx::query("lock table events in exclusive mode").execute(&mut *tx).await.expect("lock");
    sqlx::query(
        "insert into events (stream, version, type, schema, data, meta, at)
         select $1, coalesce(max(version), 0) + 1, 'bench.happened', 1, $2, '{}', $3 from events where stream = $1",
    )
    .bind(&stream)
    .bind(vec![7_u8; PAYLOAD])
    .bind(SystemClock.now())
    .execute(&mut *tx)
    .await
    .expect("insert");
    tx.commit().await.expect("commit");
}

/// Appends per second of many writers, each to streams of its own.
async fn throughput<F, Fut>(what: &str, append: F) -> f64
where
    F: Fn(Store, String) -> Fut + Copy + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let db = database().await;
    let store = Store::new(db.pool("bench"), "bench");
    let started = Instant::now();
    let writers = (0..WRITERS).map(|writer| {
        let store = store.clone();
        runtime::spawn("writer", async move {
            let mut latencies = Vec::with_capacity(APPENDS_PER_WRITER);
            for nth in 0..APPENDS_PER_WRITER {
                let started = Instant::now();
                append(store.clone(), format!("stream-{writer}-{}", nth / 10)).await;
                latencies.push(started.elapsed());
            }
            latencies
        })
    });
    let mut latencies = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        latencies.extend(writer.await.expect("a writer"));
    }
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let rate = latencies.len() as f64 / started.elapsed().as_secs_f64();
    println!("{what}: {rate:.0}/s, {}", Sample::new(latencies));
    rate
}

/// Notes when each event was applied.
struct Arrivals(Mutex<Vec<Duration>>);

#[async_trait]
impl Projection for Arrivals {
    fn name(&self) -> &'static str {
        "arrivals"
    }

    fn sources(&self) -> &'static [&'static str] {
        &["bench"]
    }

    async fn apply(&self, _: &mut PgConnection, event: &RecordedEvent) -> Result<(), ApplyError> {
        let age = (SystemClock.now() - event.at).to_std().unwrap_or_default();
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(age);
        Ok(())
    }
}

async fn commit_to_read_model() {
    let (db, nats) = (database().await, testkit::nats().await);
    let pool: PgPool = db.pool("bench");
    let (store, client) = (Store::new(pool.clone(), "bench"), nats.client().await);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let stop = CancellationToken::new();
    let publisher = Publisher::new(store.clone(), client.clone(), "bench", Arc::clone(&clock));
    let arrivals = Arc::new(Arrivals(Mutex::default()));
    let projection: Arc<dyn Projection> = Arc::clone(&arrivals) as _;
    let projector = Projector::new(pool, client, "bench", projection, Arc::new(store.clone()), clock);
    let publishing = runtime::spawn("publisher", publisher.run(stop.clone()));
    let projecting = runtime::spawn("projector", projector.run(stop.clone()));
    // The first event waits for streams and consumers to be made: it is not part of the figures.
    append(store.clone(), "warm-up".to_owned()).await;
    let arrived = || arrivals.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).len();
    testkit::eventually("the warm-up arrives", || async { (arrived() == 1).then_some(()) }).await;
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
    for nth in 0..RATE * RATED_SECONDS {
        ticks.tick().await;
        runtime::spawn("append", append(store.clone(), format!("stream-{}", nth % 997)));
    }
    let expected = 1 + (RATE * RATED_SECONDS) as usize;
    testkit::eventually("every event arrives", || async { (arrived() == expected).then_some(()) }).await;
    stop.cancel();
    publishing.await.expect("the publisher stops");
    projecting.await.expect("the projector stops");
    let mut latencies =
        std::mem::take(&mut *arrivals.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    latencies.remove(0);
    println!("append to read model at {RATE}/s: {}", Sample::new(latencies));
}
