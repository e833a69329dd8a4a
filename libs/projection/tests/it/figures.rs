//! Run by hand: `cargo nextest run -p intellistack-projection --run-ignored only --no-capture --release`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use eventstore::Meta;
use kernel::{Clock, NewEvent};
use tokio::task::JoinSet;

use crate::support::{Counted, Running, world};

const WRITERS: u32 = 4;
const EACH: u32 = 500;

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() - 1) * percent / 100]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures; needs a quiet machine"]
async fn append_and_commit_to_projection() {
    let world = Arc::new(world().await);
    let nats = testkit::nats().await;
    let mut running = Running::default();
    let published = running.publish(world.publisher(nats.client().await));
    let owner = Counted::new(&world.store);
    let status = running.project(world.projector(nats.client().await, &Arc::default(), owner));
    world.append("warm-up", "x").await;
    status.wait_for("thing", |report| report.position == 1).await;
    published.wait_for(|report| report.published == 1).await;

    let committed: Arc<Mutex<HashMap<String, (Duration, Instant)>>> = Arc::default();
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (world, committed) = (world.clone(), committed.clone());
        writers.spawn(async move {
            // 4 writers, one event each 10 ms: 400 events/s.
            let mut pace = tokio::time::interval(Duration::from_millis(10));
            for n in 0..EACH {
                pace.tick().await;
                let stream = format!("s-{writer}-{n}");
                let event = NewEvent { event_type: "thing.done", schema: 1, data: vec![7; 200] };
                let start = Instant::now();
                let opened = world.store.open(&stream).await.unwrap();
                let appended = opened.append(&[event], &Meta::at(world.clock.now())).await.unwrap();
                appended.commit().await.unwrap();
                let done = Instant::now();
                committed.lock().unwrap().insert(stream, (done - start, done));
            }
        });
    }
    let all = u64::from(WRITERS * EACH) + 1;
    let mut seen = vec![Instant::now(); usize::try_from(all).unwrap() + 1];
    let mut position = 1;
    while position < all {
        let now = status.wait_for("thing", |report| report.position > position).await.position;
        for slot in &mut seen[usize::try_from(position).unwrap() + 1..=usize::try_from(now).unwrap()] {
            *slot = Instant::now();
        }
        position = now;
    }
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    let log = world.log().await;
    let committed = committed.lock().unwrap().clone();
    let mut appends: Vec<Duration> = committed.values().map(|(took, _)| *took).collect();
    let mut lags: Vec<Duration> = log[1..]
        .iter()
        .map(|event| {
            seen[usize::try_from(event.position).unwrap()]
                .saturating_duration_since(committed[&event.stream].1)
        })
        .collect();
    appends.sort();
    lags.sort();
    println!("append p50 {:?} p99 {:?}", at(&appends, 50), at(&appends, 99));
    println!("commit -> projection p50 {:?} p99 {:?}", at(&lags, 50), at(&lags, 99));
    running.stop().await;
}
