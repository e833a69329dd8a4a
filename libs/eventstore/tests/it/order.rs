//! P1: every committed event gets exactly one position, dense. P2: positions follow each stream's
//! versions. With the two well-known mistakes put back, to see that these tests detect them.

use std::time::Duration;

use sqlx::{PgPool, Row};
use tokio::task::JoinSet;

use crate::support::{Running, append_to, event, no_bus, reported, violation, world};

#[tokio::test]
async fn an_event_that_commits_late_is_not_passed_by() {
    let world = world().await;
    let mut running = Running::default();
    let status = running.publish(world.publisher(no_bus().await));
    let slow =
        world.store.open("thing-1").await.unwrap().append(&[event("slow")], &world.meta()).await.unwrap();
    world.append("thing-2", "fast").await;

    // The naive reader takes the visible event for the log's end.
    let naive = |after: i64| {
        let pool = world.store.pool().clone();
        async move {
            sqlx::query_scalar::<_, i64>("select pos from events where pos > $1 order by pos")
                .bind(after)
                .fetch_all(&pool)
                .await
                .unwrap()
        }
    };
    let mut seen = naive(0).await;
    assert_eq!(seen, [2]);
    // Ours has noticed the fast one and waits for the slow one.
    reported(&status, "the frontier stalls", |report| report.leader).await;
    world.clock.advance(chrono::TimeDelta::seconds(3));
    reported(&status, "the stall is seen", |report| report.frontier_age == Duration::from_secs(3)).await;
    assert_eq!(status.report().head, 0);
    slow.commit().await.unwrap();
    reported(&status, "both have positions", |report| report.head == 2).await;

    seen.extend(naive(2).await);
    assert_eq!(seen, [2], "the naive reader must have missed the slow event, or this test proves nothing");
    let ours: Vec<String> = world.log().await.into_iter().map(|event| event.stream).collect();
    assert_eq!(ours, ["thing-1", "thing-2"]);
    running.stop().await;
}

#[tokio::test]
async fn a_transaction_of_another_database_delays_the_log_but_hides_nothing() {
    let world = world().await;
    let elsewhere = testkit::database(&[]).await;
    let mut running = Running::default();
    let status = running.publish(world.publisher(no_bus().await));
    reported(&status, "leading", |report| report.leader).await;
    let mut held = elsewhere.superuser().begin().await.unwrap();
    sqlx::query("select pg_current_xact_id()").execute(&mut *held).await.unwrap();
    world.append_many(20).await;
    world.clock.advance(chrono::TimeDelta::seconds(5));
    reported(&status, "the stall is seen", |report| report.frontier_age == Duration::from_secs(5)).await;
    assert_eq!(world.store.head().await.unwrap(), 0);
    held.rollback().await.unwrap();
    reported(&status, "all have positions", |report| report.head == 20).await;
    assert_eq!(violation(world.store.pool()).await, None);
    running.stop().await;
}

/// An append that finds the next version by `update head … returning`.
async fn naive_append(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut tx = pool.begin().await?;
    let version: i64 =
        sqlx::query("update heads set version = version + 1 where stream = 'thing-1' returning version")
            .fetch_one(&mut *tx)
            .await?
            .try_get(0)?;
    sqlx::query(
        "insert into events (stream, version, type, schema, data, meta, at)
         values ('thing-1', $1, 'thing.done', 1, '', '{}', 'epoch')",
    )
    .bind(version)
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

#[tokio::test]
async fn appending_through_an_updated_head_row_would_invert_a_stream() {
    let world = world().await;
    let pool = world.store.pool();
    sqlx::query("create table heads (stream text primary key, version bigint)").execute(pool).await.unwrap();
    sqlx::query("insert into heads values ('thing-1', 0)").execute(pool).await.unwrap();
    naive_append(pool).await.unwrap();
    // An UPDATE takes its transaction's id before it waits for the row: the younger one may win it.
    let mut old = pool.begin().await.unwrap();
    sqlx::query("select pg_current_xact_id()").execute(&mut *old).await.unwrap();
    naive_append(pool).await.unwrap();
    sqlx::query("update heads set version = version + 1").execute(&mut *old).await.unwrap();
    sqlx::query(
        "insert into events (stream, version, type, schema, data, meta, at)
         values ('thing-1', 3, 'thing.done', 1, '', '{}', 'epoch')",
    )
    .execute(&mut *old)
    .await
    .unwrap();
    old.commit().await.unwrap();

    let mut running = Running::default();
    let status = running.publish(world.publisher(no_bus().await));
    reported(&status, "sequenced", |report| report.head == 3).await;
    let found = violation(pool).await;
    assert!(
        found.as_ref().is_some_and(|found| found.starts_with("inversion: thing-1/3 at 2")),
        "the naive append must invert the stream, or this test proves nothing: {found:?}"
    );
    running.stop().await;
}

/// Takes transaction ids early and holds them, here and in another database.
async fn disturb(pool: PgPool) {
    loop {
        let mut tx = pool.begin().await.unwrap();
        sqlx::query("select pg_current_xact_id(), pg_sleep(0.03)").execute(&mut *tx).await.unwrap();
        tx.rollback().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_with_early_ids_held_transactions_and_rollbacks_leave_a_dense_ordered_log() {
    const WRITERS: u64 = 8;
    const EACH: u64 = 60;
    let world = world().await;
    let elsewhere = testkit::database(&[]).await;
    let mut running = Running::default();
    // Two processes: one leads, the other stands by and passes on what its writers commit.
    let first = running.publish(world.publisher(no_bus().await));
    let standby = world.other_process();
    let second = eventstore::Publisher::new(standby.clone(), no_bus().await, "test", world.clock.clone());
    let second = running.publish(second);
    let mut disturbances = JoinSet::new();
    disturbances.spawn(disturb(world.db.superuser()));
    disturbances.spawn(disturb(elsewhere.superuser()));

    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = if writer % 2 == 0 { world.store.clone() } else { standby.clone() };
        let meta = world.meta();
        writers.spawn(async move {
            for n in 0..EACH {
                let stream = format!("thing-{}", (writer + n) % 5);
                if n % 7 == 3 {
                    drop(store.open(&stream).await.unwrap().append(&[event("never")], &meta).await.unwrap());
                } else if n % 7 == 5 {
                    let two = [event("one"), event("two")];
                    store
                        .open(&stream)
                        .await
                        .unwrap()
                        .append(&two, &meta)
                        .await
                        .unwrap()
                        .commit()
                        .await
                        .unwrap();
                } else {
                    append_to(&store, &stream, "x", &meta).await;
                }
            }
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    disturbances.shutdown().await;
    let committed: i64 =
        sqlx::query_scalar("select count(*) from events").fetch_one(world.store.pool()).await.unwrap();
    assert_eq!(committed.unsigned_abs(), WRITERS * (EACH - 9 + 8), "9 of 60 rolled back, 8 of 60 were two");
    testkit::eventually("every event has a position", || async {
        (world.store.head().await.unwrap() == committed.unsigned_abs()).then_some(())
    })
    .await;
    assert_eq!(violation(world.store.pool()).await, None);
    assert!(first.report().leader != second.report().leader, "exactly one leads");
    running.stop().await;
}

#[tokio::test]
async fn when_the_leader_dies_another_takes_over_and_when_postgres_drops_everyone_one_returns() {
    let world = world().await;
    let mut first = Running::default();
    let leader = first.publish(world.publisher(no_bus().await));
    reported(&leader, "leading", |report| report.leader).await;
    let mut second = Running::default();
    let other =
        eventstore::Publisher::new(world.other_process(), no_bus().await, "test", world.clock.clone());
    let standby = second.publish(other);
    world.append("thing-1", "a").await;
    reported(&leader, "sequenced", |report| report.head == 1).await;
    first.stop().await;
    world.append("thing-1", "b").await;
    reported(&standby, "taken over", |report| report.leader && report.head == 2).await;
    sqlx::query(
        "select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()",
    )
    .execute(&world.db.superuser())
    .await
    .unwrap();
    reported(&standby, "noticed", |report| !report.leader || report.head == 2).await;
    testkit::eventually("appending works again", || async {
        let opened = world.store.open("thing-1").await.ok()?;
        opened.append(&[event("c")], &world.meta()).await.ok()?.commit().await.ok()
    })
    .await;
    reported(&standby, "leading again", |report| report.leader && report.head == 3).await;
    assert_eq!(violation(world.store.pool()).await, None);
    second.stop().await;
}

#[tokio::test]
async fn a_log_restored_into_another_cluster_goes_on_where_it_was() {
    let world = world().await;
    let pool = world.store.pool();
    // What a dump brings: events without a position, whose transaction ids lie in the future here.
    for version in 1..=3_i64 {
        sqlx::query(
            "insert into events (tx, stream, version, type, schema, data, meta, at)
             values ('999999999999', 'thing-1', $1, 'thing.done', 1, '', '{}', 'epoch')",
        )
        .bind(version)
        .execute(pool)
        .await
        .unwrap();
    }
    sqlx::query("update sequencer set cluster = 'the old one'").execute(pool).await.unwrap();
    // A writer comes before the first leader.
    world.append("thing-1", "after the restore").await;
    let mut running = Running::default();
    let status = running.publish(world.publisher(no_bus().await));
    reported(&status, "all have positions", |report| report.head == 4).await;
    assert_eq!(violation(pool).await, None);
    world.append("thing-1", "later").await;
    reported(&status, "and the next", |report| report.head == 5).await;
    assert_eq!(violation(pool).await, None);
    running.stop().await;
}
