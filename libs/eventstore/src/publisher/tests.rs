use sqlx::PgPool;

use super::PublisherError;
use super::leader::Leader;
use super::sequencer::Sequencer;
use crate::{Meta, Store};

async fn store() -> (Store, testkit::TestDb) {
    let db = testkit::database(&[("thing", &[&crate::MIGRATOR])]).await;
    (Store::new(db.pool("thing"), "thing"), db)
}

/// As a leader begins, but without the lock: what two processes believe of themselves after the
/// first has lost its connection unnoticed.
async fn lead_unlocked(store: &Store) -> Sequencer {
    let mut connection = store.pool().acquire().await.unwrap().detach();
    let epoch: i64 = sqlx::query_scalar("update sequencer set epoch = epoch + 1 returning epoch")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    Sequencer::new(Leader { connection, epoch, head: 0 })
}

async fn append(store: &Store, stream: &str) {
    let event = kernel::NewEvent { event_type: "thing.done", schema: 1, data: Vec::new() };
    let meta = Meta::at(chrono::DateTime::UNIX_EPOCH);
    store.open(stream).await.unwrap().append(&[event], &meta).await.unwrap().commit().await.unwrap();
}

/// Tests run side by side, and any of their transactions holds the frontier of the whole cluster.
async fn finished(store: &Store) {
    let all = "select coalesce(bool_and(tx < pg_snapshot_xmin(pg_current_snapshot())), true) from events";
    testkit::eventually("all events are finished", || async {
        sqlx::query_scalar::<_, bool>(all).fetch_one(store.pool()).await.unwrap().then_some(())
    })
    .await;
}

async fn sequenced(pool: &PgPool) -> i64 {
    sqlx::query_scalar("select count(gpos) from events").fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn of_two_sequencers_only_the_younger_epoch_gives_positions() {
    let (store, _db) = store().await;
    let mut old = lead_unlocked(&store).await;
    append(&store, "a").await;
    finished(&store).await;
    assert_eq!(old.step().await.unwrap().taken, 1);
    let mut new = lead_unlocked(&store).await;
    for round in 0..30 {
        append(&store, "a").await;
        append(&store, &format!("b-{round}")).await;
        let (stale, fresh) = tokio::join!(old.step(), new.step());
        assert!(matches!(stale, Err(PublisherError::Fenced)), "{stale:?}");
        fresh.unwrap();
    }
    finished(&store).await;
    new.step().await.unwrap();
    let dense: Vec<i64> =
        sqlx::query_scalar("select gpos from events order by gpos").fetch_all(store.pool()).await.unwrap();
    assert_eq!(dense, (1..=61).collect::<Vec<i64>>());
    assert_eq!(store.head().await.unwrap(), 61);
}

#[tokio::test]
async fn a_statement_under_way_when_the_epoch_rises_changes_nothing() {
    let (store, db) = store().await;
    let mut old = lead_unlocked(&store).await;
    append(&store, "a").await;
    finished(&store).await;
    // The next leader raises the epoch, and is caught between that and its commit.
    let mut next = db.superuser().begin().await.unwrap();
    sqlx::query("update thing.sequencer set epoch = epoch + 1").execute(&mut *next).await.unwrap();
    let superuser = db.superuser();
    let commit_once_it_waits = async {
        testkit::eventually("the old leader waits", || async {
            let waiting: i64 = sqlx::query_scalar(
                "select count(*) from pg_stat_activity
                 where datname = current_database() and wait_event_type = 'Lock' and query like '%fence%'",
            )
            .fetch_one(&superuser)
            .await
            .unwrap();
            (waiting > 0).then_some(())
        })
        .await;
        next.commit().await.unwrap();
    };
    let (stale, ()) = tokio::join!(old.step(), commit_once_it_waits);
    assert!(matches!(stale, Err(PublisherError::Fenced)), "{stale:?}");
    assert_eq!(sequenced(store.pool()).await, 0);
    assert_eq!(store.head().await.unwrap(), 0);
}
