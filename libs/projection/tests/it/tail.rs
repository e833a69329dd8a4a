use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use eventstore::RecordedEvent;
use projection::{EventLogReader, Observer, ReadError, Tail};
use testkit::eventually;

use crate::support::{Counted, NAMESPACE, Running, World, world};

/// How old a copy may be that is relied upon.
const FRESH: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Seen {
    loads: AtomicU64,
    positions: Mutex<Vec<u64>>,
}

#[async_trait]
impl Observer for Seen {
    async fn load(&self, _: &str) -> Result<(), ReadError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn observe(&self, event: &RecordedEvent) {
        self.positions.lock().unwrap().push(event.position);
    }
}

struct Scene {
    world: World,
    nats: testkit::TestNats,
    log: Arc<Counted>,
    seen: Arc<Seen>,
    tail: Tail,
    running: Running,
}

/// Ten events are there before the tail begins.
async fn scene() -> Scene {
    let world = world().await;
    let nats = testkit::nats().await;
    let mut running = Running::default();
    let status = running.publish(world.publisher(nats.client().await));
    world.append_many(10).await;
    status.wait_for(|report| report.published == 10).await;
    let log = Counted::new(&world.store);
    let seen = Arc::new(Seen::default());
    let reader: Arc<dyn EventLogReader> = log.clone();
    let tail =
        Tail::new("thing", (nats.client().await, NAMESPACE), reader, seen.clone(), world.clock.clone());
    assert_eq!(tail.age(), None, "nothing is known before it runs");
    running.tail(&tail);
    let scene = Scene { world, nats, log, seen, tail, running };
    scene.is_fresh().await;
    scene
}

impl Scene {
    async fn is_fresh(&self) {
        eventually("the copy is fresh", async || self.tail.age().filter(|age| *age < FRESH)).await;
    }

    /// Waits until exactly these were seen, once and in order.
    async fn saw(&self, positions: std::ops::RangeInclusive<u64>) {
        let expected: Vec<u64> = positions.collect();
        eventually("the events are seen", async || {
            let seen = self.seen.positions.lock().unwrap();
            (seen.len() >= expected.len()).then_some(())
        })
        .await;
        assert_eq!(*self.seen.positions.lock().unwrap(), expected);
    }
}

#[tokio::test]
async fn what_was_there_is_loaded_and_what_comes_is_seen_once_and_in_order() {
    let scene = scene().await;
    scene.world.append_many(300).await;
    scene.saw(11..=310).await;
    scene.is_fresh().await;
    assert_eq!(scene.seen.loads.load(Ordering::SeqCst), 1);
    scene.running.stop().await;
}

#[tokio::test]
async fn without_the_bus_the_owner_tells() {
    let scene = scene().await;
    // The sequencer goes on; what it cannot publish is in the log.
    scene.nats.kill();
    scene.world.append_many(3).await;
    scene.saw(11..=13).await;
    scene.is_fresh().await;
    scene.running.stop().await;
}

#[tokio::test]
async fn without_the_owner_the_bus_tells() {
    let scene = scene().await;
    scene.log.away.store(true, Ordering::SeqCst);
    scene.world.append_many(3).await;
    scene.saw(11..=13).await;
    scene.is_fresh().await;
    scene.running.stop().await;
}

#[tokio::test]
async fn without_an_owner_who_had_more_to_publish_the_bus_does_not_tell() {
    let scene = scene().await;
    scene.log.behind.store(true, Ordering::SeqCst);
    eventually("the copy is old", async || scene.tail.age().filter(|age| *age > FRESH)).await;
    scene.log.away.store(true, Ordering::SeqCst);
    scene.world.append_many(3).await;
    scene.saw(11..=13).await;
    let age = scene.tail.age();
    assert!(age.is_none_or(|age| age > FRESH), "{age:?}");
    scene.log.behind.store(false, Ordering::SeqCst);
    scene.log.away.store(false, Ordering::SeqCst);
    scene.is_fresh().await;
    scene.running.stop().await;
}

#[tokio::test]
async fn without_both_the_copy_grows_old() {
    let scene = scene().await;
    scene.log.away.store(true, Ordering::SeqCst);
    scene.nats.kill();
    let age = eventually("the copy is old", async || scene.tail.age().filter(|age| *age > FRESH)).await;
    assert!(age > FRESH);
    // And recovers by itself.
    scene.log.away.store(false, Ordering::SeqCst);
    scene.is_fresh().await;
    scene.running.stop().await;
}

#[tokio::test]
async fn a_log_that_was_restored_to_an_earlier_state_is_loaded_anew() {
    let scene = scene().await;
    scene.world.append_many(2).await;
    scene.saw(11..=12).await;
    scene.log.head.store(11, Ordering::SeqCst);
    eventually("everything is loaded anew", async || {
        (scene.seen.loads.load(Ordering::SeqCst) == 2).then_some(())
    })
    .await;
    scene.running.stop().await;
}
