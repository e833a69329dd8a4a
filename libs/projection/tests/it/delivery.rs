//! P4 under a bus that drops, repeats and reorders: the test writes the stream itself, as no bus
//! ever may, and the projection must still be the pure fold.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_nats::jetstream::{self, Context, stream};
use eventstore::{RecordedEvent, bus};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};

use crate::support::{Counted, NAMESPACE, Running, World, world};

/// Events in the log of each case.
const EVENTS: u64 = 40;

const CASES: u32 = 12;

async fn deliver(context: &Context, event: &RecordedEvent) {
    let mut headers = async_nats::HeaderMap::new();
    for (name, values) in bus::headers(NAMESPACE, event).iter() {
        if !AsRef::<str>::as_ref(name).starts_with("Nats-") {
            headers.insert(name.clone(), values[0].clone());
        }
    }
    let data = event.data.clone().into();
    context.publish_with_headers("test.thing.thing.done", headers, data).await.unwrap().await.unwrap();
}

/// Sequences without a relay.
async fn fill_the_log(world: &World) -> Vec<RecordedEvent> {
    let mut running = Running::default();
    let nobody =
        async_nats::ConnectOptions::new().retry_on_initial_connect().connect("127.0.0.1:1").await.unwrap();
    let status = running.publish(world.publisher(nobody));
    world.append_many(u32::try_from(EVENTS).unwrap()).await;
    status.wait_for(|report| report.head == EVENTS).await;
    running.stop().await;
    world.log().await
}

async fn start_over(world: &World, context: &Context) {
    sqlx::query("truncate totals, checkpoints").execute(&world.reader).await.unwrap();
    let _ = context.delete_stream("test-thing").await;
    let config = stream::Config {
        name: "test-thing".to_owned(),
        subjects: vec!["test.thing.>".to_owned()],
        ..stream::Config::default()
    };
    context.create_stream(config).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_bus_drops_repeats_or_reorders_the_projection_is_the_fold() {
    let world = Arc::new(world().await);
    let nats = testkit::nats().await;
    let context = jetstream::new(nats.client().await);
    let log = fill_the_log(&world).await;
    let client = nats.client().await;
    let handle = tokio::runtime::Handle::current();
    let config = ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() };
    let arrivals = prop::collection::vec(0..log.len(), 1..120);
    let by_request = AtomicU64::new(0);
    let case = |arrivals: Vec<usize>| -> Result<(), TestCaseError> {
        tokio::task::block_in_place(|| {
            handle.block_on(async {
                start_over(&world, &context).await;
                let logs = Counted::new(&world.store);
                logs.head.store(0, Ordering::SeqCst);
                let mut running = Running::default();
                let status = running.project(world.projector(client.clone(), &Arc::default(), logs.clone()));
                status.wait_for("thing", |report| report.problem.is_none()).await;
                for index in &arrivals {
                    // What is on the bus is in the log.
                    logs.head.fetch_max(log[*index].position, Ordering::SeqCst);
                    deliver(&context, &log[*index]).await;
                }
                // The tail may never have come.
                logs.head.store(EVENTS, Ordering::SeqCst);
                world.assert_projected(EVENTS).await;
                by_request.fetch_add(logs.answered.load(Ordering::SeqCst), Ordering::SeqCst);
                running.stop().await;
            });
        });
        Ok(())
    };
    TestRunner::new(config).run(&arrivals, case).unwrap();
    let (asked, all) = (by_request.load(Ordering::SeqCst), u64::from(CASES) * EVENTS);
    assert!(0 < asked && asked < all, "{asked} of {all}: both ways must have been taken");
}
