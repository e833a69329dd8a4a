use eventstore::{Store, StoreError};
use kernel::{CodecError, EventCodec, NewEvent};

use crate::support::{Running, event, no_bus, reported, world};

#[derive(Debug, PartialEq)]
struct Done(String);

impl EventCodec for Done {
    fn encode(&self) -> NewEvent {
        event(&self.0)
    }

    fn decode(event_type: &str, schema: u32, data: &[u8]) -> Result<Self, CodecError> {
        match event_type {
            "thing.done" => Ok(Self(String::from_utf8_lossy(data).into_owned())),
            _ => Err(CodecError::UnknownType { event_type: event_type.to_owned(), schema }),
        }
    }
}

#[tokio::test]
async fn a_command_reads_what_the_one_before_wrote() {
    let world = world().await;
    for n in 1..=5_u64 {
        let mut opened = world.store.open("thing-1").await.unwrap();
        assert_eq!(opened.version(), n - 1);
        assert_eq!(opened.load::<Done>().await.unwrap().len() as u64, n - 1);
        let mut appended = opened.append(&[event(&n.to_string())], &world.meta()).await.unwrap();
        sqlx::query("create table if not exists inline (n bigint)").execute(appended.tx()).await.unwrap();
        sqlx::query("insert into inline values ($1)")
            .bind(n.cast_signed())
            .execute(appended.tx())
            .await
            .unwrap();
        assert_eq!(appended.commit().await.unwrap(), n);
        // P6: neither the sequencer nor the bus has run.
        assert_eq!(
            world.store.read_stream::<Done>("thing-1").await.unwrap().last(),
            Some(&Done(n.to_string()))
        );
        let inline: i64 =
            sqlx::query_scalar("select count(*) from inline").fetch_one(world.store.pool()).await.unwrap();
        assert_eq!(inline.unsigned_abs(), n);
    }
}

#[tokio::test]
async fn a_lost_race_says_what_was_expected_and_what_is() {
    let world = world().await;
    world.append("thing-1", "a").await;
    world.append("thing-1", "b").await;
    let opened = world.store.open("thing-1").await.unwrap();
    let error = opened.append_expecting(1, &[event("c")], &world.meta()).await.unwrap_err();
    assert!(matches!(&error, StoreError::Conflict { stream, expected: 1, actual: 2 } if stream == "thing-1"));
    let error = kernel::Error::from(error);
    assert_eq!(error.code, kernel::ErrorCode::Conflict);
    assert_eq!((error.metadata["expected"].as_str(), error.metadata["actual"].as_str()), ("1", "2"));
}

#[tokio::test]
async fn a_stream_is_held_by_one_command_at_a_time_and_others_are_free() {
    let world = world().await;
    let held = world.store.open("thing-1").await.unwrap();
    assert_eq!(world.append("thing-2", "free").await, 1);
    let store = world.store.clone();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move { store.open("thing-1").await.unwrap().version() });
    // The second command waits on the first one's advisory lock.
    testkit::eventually("a waiting command", || async {
        let waiting: i64 = sqlx::query_scalar(
            "select count(*) from pg_locks l join pg_database d on d.oid = l.database
             where d.datname = current_database() and locktype = 'advisory' and not granted",
        )
        .fetch_one(world.store.pool())
        .await
        .unwrap();
        (waiting == 1).then_some(())
    })
    .await;
    held.append(&[event("a")], &world.meta()).await.unwrap().commit().await.unwrap();
    assert_eq!(tasks.join_next().await.unwrap().unwrap(), 1);
}

#[tokio::test]
async fn what_is_not_committed_never_happened() {
    let world = world().await;
    drop(world.store.open("thing-1").await.unwrap().append(&[event("a")], &world.meta()).await.unwrap());
    world.store.open("thing-1").await.unwrap().rollback().await;
    assert_eq!(world.store.open("thing-1").await.unwrap().version(), 0);
    assert_eq!(world.store.read_stream::<Done>("thing-1").await.unwrap(), []);
}

#[tokio::test]
async fn a_transaction_that_wrote_or_locked_before_it_appended_is_refused() {
    let world = world().await;
    world.append("thing-1", "a").await;
    for early in ["select from events where version = 1 for update", "select pg_current_xact_id()"] {
        let mut opened = world.store.open("thing-1").await.unwrap();
        sqlx::query(early).execute(opened.reader()).await.unwrap();
        let error = opened.append(&[event("b")], &world.meta()).await.unwrap_err();
        assert!(matches!(error, StoreError::WroteBeforeAppend { .. }), "{early}: {error}");
    }
    let mut opened = world.store.open("thing-1").await.unwrap();
    sqlx::query("select from events").execute(opened.reader()).await.unwrap();
    opened.append(&[event("b")], &world.meta()).await.unwrap().commit().await.unwrap();
}

#[tokio::test]
async fn an_event_too_large_for_the_bus_is_refused_before_it_is_written() {
    let world = world().await;
    let append = async |store: &Store, bytes: usize| {
        let large = NewEvent { data: vec![7; bytes], ..event("") };
        store.open("thing-1").await.unwrap().append(&[event("small"), large], &world.meta()).await.map(drop)
    };
    let error = append(&world.store, 1024 * 1024).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::TooLarge { event_type, limit: 1_048_576, .. } if event_type == "thing.done"),
        "{error}"
    );
    append(&world.store, 1024 * 1000).await.unwrap();
    append(&world.store.clone().with_max_event_bytes(2048), 1024).await.unwrap_err();
}

#[tokio::test]
async fn the_largest_event_that_is_taken_passes_the_bus() {
    let world = world().await;
    let nats = testkit::nats().await;
    let mut running = Running::default();
    let status = running.publish(world.publisher(nats.client().await));
    let mut meta = world.meta();
    meta.actor = Some("\u{1f980}".repeat(40));
    let stream = "\u{e9}".repeat(120);
    let mut size = 1024 * 1024;
    loop {
        let largest = NewEvent { data: vec![7; size], ..event("") };
        match world.store.open(&stream).await.unwrap().append(&[largest], &meta).await {
            Ok(appended) => {
                appended.commit().await.unwrap();
                break;
            }
            Err(StoreError::TooLarge { bytes, limit, .. }) => size -= bytes - limit,
            Err(error) => panic!("{error}"),
        }
    }
    reported(&status, "published", |report| report.published == 1).await;
    running.stop().await;
}

#[tokio::test]
async fn names_that_the_bus_cannot_carry_are_refused() {
    let world = world().await;
    for event_type in ["", "Thing.Done", "thing..done", "thing.*", "thing done", "thing.done."] {
        let bad = NewEvent { event_type, ..event("") };
        let error = world.store.open("s").await.unwrap().append(&[bad], &world.meta()).await.unwrap_err();
        assert!(matches!(error, StoreError::Malformed(_)), "{event_type}");
    }
    let error = world.store.open("s").await.unwrap().append(&[], &world.meta()).await.unwrap_err();
    assert!(matches!(error, StoreError::Malformed(_)));
    assert!(matches!(world.store.open("").await, Err(StoreError::Malformed(_))));
}

#[tokio::test]
async fn an_unreadable_event_names_its_place() {
    let world = world().await;
    world.append("thing-1", "a").await;
    let alien = NewEvent { event_type: "alien.landed", ..event("") };
    world
        .store
        .open("thing-1")
        .await
        .unwrap()
        .append(&[alien], &world.meta())
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    let error = world.store.read_stream::<Done>("thing-1").await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Corrupt { stream, version: 2, .. } if stream == "thing-1"),
        "{error}"
    );
}

#[tokio::test]
async fn a_violated_inline_constraint_can_be_told_apart_and_undoes_the_append() {
    let world = world().await;
    sqlx::query("create table emails (email text constraint emails_taken unique)")
        .execute(world.store.pool())
        .await
        .unwrap();
    let reserve = async |stream: &str| -> Result<u64, StoreError> {
        let mut appended = world.store.open(stream).await?.append(&[event("a")], &world.meta()).await?;
        sqlx::query("insert into emails values ('a@example.org')").execute(appended.tx()).await?;
        appended.commit().await
    };
    reserve("user-1").await.unwrap();
    let error = reserve("user-2").await.unwrap_err();
    assert_eq!(error.unique_violation(), Some("emails_taken"));
    assert_eq!(world.store.open("user-2").await.unwrap().version(), 0);
}

#[tokio::test]
async fn recorded_events_cannot_be_changed_removed_or_moved() {
    let world = world().await;
    let mut running = Running::default();
    let status = running.publish(world.publisher(no_bus().await));
    world.append("thing-1", "a").await;
    reported(&status, "sequenced", |report| report.head == 1).await;
    for change in [
        "update events set data = ''",
        "update events set gpos = 2",
        "update events set gpos = null",
        "delete from events",
        "truncate events",
    ] {
        let refused = sqlx::query(change).execute(world.store.pool()).await.unwrap_err();
        assert!(refused.to_string().contains("immutable"), "{change}: {refused}");
    }
    running.stop().await;
}
