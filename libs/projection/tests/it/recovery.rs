//! P4: a projection is the fold of the log up to its checkpoint, whatever is killed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_nats::jetstream;

use crate::support::{Counted, Running, Totals, world};

#[tokio::test]
async fn events_reach_the_read_model_over_the_bus() {
    let world = world().await;
    let nats = testkit::nats().await;
    let logs = Counted::new(&world.store);
    let mut running = Running::default();
    let published = running.publish(world.publisher(nats.client().await));
    world.append_many(1).await;
    published.wait_for(|report| report.published == 1).await;
    let status = running.project(world.projector(nats.client().await, &Arc::default(), logs.clone()));
    status.wait_for("thing", |report| report.position == 1).await;
    // From here on the owner does not answer.
    logs.leave().await;
    world.append_many(300).await;
    world.assert_projected(301).await;
    assert_eq!(logs.answered.load(Ordering::SeqCst), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_silent_or_lost_bus_delays_the_read_model_but_does_not_stop_it() {
    let world = world().await;
    let nats = testkit::nats().await;
    let logs = Counted::new(&world.store);
    let mut running = Running::default();
    let published = running.publish(world.publisher(nats.client().await));
    running.project(world.projector(nats.client().await, &Arc::default(), logs));
    world.append_many(40).await;
    world.assert_projected(40).await;
    nats.kill();
    world.append_many(40).await;
    world.assert_projected(80).await;
    nats.wipe();
    nats.start().await;
    tokio::time::timeout(
        std::time::Duration::from_secs(15),
        published.wait_for(|report| report.published == 80 && report.bus.is_none()),
    )
    .await
    .unwrap();
    world.append_many(40).await;
    world.assert_projected(120).await;
    running.stop().await;
}

#[tokio::test]
async fn a_deleted_consumer_is_made_again_behind_the_checkpoint() {
    let world = world().await;
    let nats = testkit::nats().await;
    let logs = Counted::new(&world.store);
    let mut running = Running::default();
    running.publish(world.publisher(nats.client().await));
    running.project(world.projector(nats.client().await, &Arc::default(), logs));
    world.append_many(10).await;
    world.assert_projected(10).await;
    let context = jetstream::new(nats.client().await);
    testkit::eventually("the consumer is deleted", || async {
        context.delete_consumer_from_stream("reader-totals", "test-thing").await.ok()
    })
    .await;
    world.append_many(10).await;
    world.assert_projected(20).await;
    let info = testkit::eventually("the consumer is back", || async {
        let stream = context.get_stream("test-thing").await.ok()?;
        stream.consumer_info("reader-totals").await.ok()
    })
    .await;
    assert_eq!(info.config.ack_policy, jetstream::consumer::AckPolicy::Explicit);
    running.stop().await;
}

#[tokio::test]
async fn two_replicas_apply_each_event_once() {
    let world = world().await;
    let nats = testkit::nats().await;
    let mut running = Running::default();
    running.publish(world.publisher(nats.client().await));
    for _ in 0..2 {
        let logs = Counted::new(&world.store);
        running.project(world.projector(nats.client().await, &Arc::default(), logs));
    }
    for round in 1..=5 {
        world.append_many(40).await;
        world.assert_projected(round * 40).await;
    }
    running.stop().await;
}

#[tokio::test]
async fn a_poisoned_event_stops_the_projection_visibly_and_a_cure_lets_it_go_on() {
    let world = world().await;
    let nats = testkit::nats().await;
    let totals = Arc::new(Totals::default());
    let mut running = Running::default();
    running.publish(world.publisher(nats.client().await));
    let logs = Counted::new(&world.store);
    let status = running.project(world.projector(nats.client().await, &totals, logs));
    world.append_many(7).await;
    world.append("thing-9", "poison").await;
    world.append_many(7).await;
    let report = status.wait_for("thing", |report| report.poison.is_some()).await;
    assert_eq!(report.poison, Some(8));
    assert!(status.ready().is_err());
    // Those before it are applied, nothing after it is.
    world.assert_projected(7).await;
    totals.healed.store(true, Ordering::SeqCst);
    world.assert_projected(15).await;
    status.wait_for("thing", |report| report.position == 15 && report.poison.is_none()).await;
    running.stop().await;
}

#[tokio::test]
async fn an_event_that_cannot_be_made_ready_holds_up_none_before_it() {
    let world = world().await;
    let nats = testkit::nats().await;
    let totals = Arc::new(Totals::default());
    // All at once, from the owner's log.
    world.append_many(6).await;
    world.append("thing-9", "unready").await;
    world.append_many(7).await;
    let mut running = Running::default();
    running.publish(world.publisher(nats.client().await));
    let logs = Counted::new(&world.store);
    let status = running.project(world.projector(nats.client().await, &totals, logs));
    let report = status.wait_for("thing", |report| report.poison.is_some()).await;
    assert_eq!(report.poison, Some(7));
    world.assert_projected(6).await;
    totals.healed.store(true, Ordering::SeqCst);
    world.assert_projected(14).await;
    running.stop().await;
}

#[tokio::test]
async fn a_rebuild_gives_the_rows_that_following_gave() {
    let world = world().await;
    let nats = testkit::nats().await;
    let mut running = Running::default();
    running.publish(world.publisher(nats.client().await));
    let logs = Counted::new(&world.store);
    running.project(world.projector(nats.client().await, &Arc::default(), logs));
    for round in 1..=4 {
        world.append_many(30).await;
        world.assert_projected(round * 30).await;
    }
    let incremental = world.rows().await;
    // Under the running projector.
    let mut tx = world.reader.begin().await.unwrap();
    sqlx::query("update checkpoints set gpos = 0").execute(&mut *tx).await.unwrap();
    sqlx::query("truncate totals").execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    world.append_many(5).await;
    world.assert_projected(125).await;
    assert_eq!(incremental.len(), 5);
    running.stop().await;
}

#[tokio::test]
async fn the_projector_returns_when_postgres_drops_its_connections() {
    let world = world().await;
    let nats = testkit::nats().await;
    let mut running = Running::default();
    running.publish(world.publisher(nats.client().await));
    let logs = Counted::new(&world.store);
    running.project(world.projector(nats.client().await, &Arc::default(), logs));
    world.append_many(5).await;
    world.assert_projected(5).await;
    sqlx::query(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()",
    )
    .execute(&world.db.superuser())
    .await
    .unwrap();
    testkit::eventually("the database answers", || async { world.store.head().await.ok() }).await;
    world.append_many(5).await;
    world.assert_projected(10).await;
    running.stop().await;
}
