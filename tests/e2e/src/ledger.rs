//! Counts of events and rows, read from the database itself: what was told must be there, once.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::{AssertSqlSafe, PgPool};

use crate::system::System;
use crate::wait::within;

/// The services that own an event store, by schema.
pub const STORES: [&str; 6] =
    ["identity", "session", "curriculum", "chat_thread", "rate_limit", "tutor_agent"];
/// Whose every event the auth-event log shows.
const AUTH_STORES: [&str; 2] = ["identity", "session"];
/// A turn whose process died is taken over when its lease has run out.
const SETTLE: Duration = Duration::from_mins(2);

/// Events of a type in a store.
pub async fn count(pool: &PgPool, store: &str, kind: &str) -> i64 {
    number(pool, &format!("select count(*) from {store}.events where type = '{kind}'")).await
}

/// Events of all stores.
pub async fn total(system: &System) -> i64 {
    let pool = system.postgres.pool();
    let mut total = 0;
    for store in STORES {
        total += number(&pool, &format!("select count(*) from {store}.events")).await;
    }
    total
}

/// The traces stored with the events of a type.
pub async fn traces(pool: &PgPool, store: &str, kind: &str) -> Vec<String> {
    let query =
        format!("select coalesce(meta->>'traceparent', '') from {store}.events where type = '{kind}'");
    sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(pool).await.expect("read the events")
}

/// Waits until nothing is under way: every turn ended, every effect done, every event sequenced,
/// every reader level with what it reads.
pub async fn settled(system: &System) {
    let pool = system.postgres.pool();
    let last = std::cell::RefCell::new(String::new());
    let wait = within(SETTLE, "everything is settled", || async {
        let open = under_way(&pool).await;
        if open.is_empty() {
            return Some(());
        }
        *last.borrow_mut() = open.join(", ");
        None
    });
    let watched = async {
        tokio::time::sleep(SETTLE.saturating_sub(Duration::from_secs(1))).await;
        panic!("not settled: {}", last.borrow());
    };
    tokio::select! { () = wait => {}, () = watched => {} }
}

async fn under_way(pool: &PgPool) -> Vec<String> {
    let mut open = Vec::new();
    let mut see = |what: String, count: i64| {
        if count > 0 {
            open.push(format!("{count} {what}"));
        }
    };
    let turns = "select count(*) from tutor_agent.turns where state not in ('completed', 'failed')";
    see("turns".to_owned(), number(pool, turns).await);
    for store in STORES {
        let unsequenced = format!("select count(*) from {store}.events where gpos is null");
        see(format!("unsequenced events of {store}"), number(pool, &unsequenced).await);
        let effects = format!("select count(*) from {store}.effects where state = 'pending'");
        see(format!("effects of {store}"), number(pool, &effects).await);
    }
    for schema in STORES.into_iter().chain(["usage_metrics"]) {
        for store in STORES {
            let behind = format!(
                "select count(*) from {schema}.checkpoints as mine where mine.store = '{store}'
                    and mine.gpos <> (select gpos from {store}.sequencer)"
            );
            see(format!("readers of {store} in {schema}"), number(pool, &behind).await);
        }
    }
    open
}

/// The whole account: dense positions, each story told to its end, read models with one row per
/// event, and `intellistack audit` content.
pub async fn assert_nothing_lost_or_doubled(system: &System) {
    settled(system).await;
    let pool = system.postgres.pool();
    for store in STORES {
        assert_dense(&pool, store).await;
    }
    for store in AUTH_STORES {
        assert_every_event_in_auth_log(&pool, store).await;
    }
    assert_every_turn_ended_once(&pool).await;
    assert_threads_match_turns(&pool).await;
    assert_quota_matches_turns(&pool).await;
    let said = system.command(&["audit"], "");
    assert!(said.contains("No difference found."), "{said}");
}

async fn assert_dense(pool: &PgPool, store: &str) {
    let query = format!(
        "select count(*), count(distinct gpos), coalesce(min(gpos), 1), coalesce(max(gpos), 0),
                (select gpos from {store}.sequencer) from {store}.events"
    );
    let (count, distinct, min, max, head): (i64, i64, i64, i64, i64) =
        sqlx::query_as(AssertSqlSafe(query)).fetch_one(pool).await.expect("count the events");
    assert_eq!((distinct, min, max, head), (count, 1, count, count), "{store}");
}

/// One row per position, without a gap, up to the store's head.
async fn assert_every_event_in_auth_log(pool: &PgPool, store: &str) {
    let query = format!(
        "select count(*), count(distinct position), coalesce(min(position), 1), coalesce(max(position), 0),
                (select gpos from {store}.sequencer) from usage_metrics.auth_event_log where store = '{store}'"
    );
    let (count, distinct, min, max, head): (i64, i64, i64, i64, i64) =
        sqlx::query_as(AssertSqlSafe(query)).fetch_one(pool).await.expect("count the rows");
    assert_eq!((count, distinct, min, max), (head, head, 1, head), "auth_event_log of {store}");
}

async fn assert_every_turn_ended_once(pool: &PgPool) {
    let wrong = rows(
        pool,
        "select stream || ': ' || string_agg(type, ' ' order by version) from tutor_agent.events
          where stream like 'turn-%' group by stream
         having count(*) filter (where type = 'turn.started') <> 1
             or count(*) filter (where type in ('turn.completed', 'turn.failed')) <> 1 or count(*) <> 2",
    )
    .await;
    assert!(wrong.is_empty(), "turns that did not begin and end once: {wrong:#?}");
    let streams =
        number(pool, "select count(distinct stream) from tutor_agent.events where stream like 'turn-%'")
            .await;
    let facts = number(pool, "select count(*) from usage_metrics.fact_turn").await;
    assert_eq!(facts, streams, "one row of fact_turn per turn");
}

/// A turn that completed has question and answer in the thread. One that failed has no answer; its
/// question may be missing, too, when the threads were away.
async fn assert_threads_match_turns(pool: &PgPool) {
    let kinds = counts(pool, "select kind, count(*) from chat_thread.items group by kind").await;
    let events = counts(pool, "select type, count(*) from tutor_agent.events group by type").await;
    let of = |map: &BTreeMap<String, i64>, key: &str| map.get(key).copied().unwrap_or_default();
    let questions = of(&kinds, "user_message");
    let (began, completed) = (of(&events, "turn.started"), of(&events, "turn.completed"));
    assert!(completed <= questions && questions <= began, "questions: {kinds:?} {events:?}");
    assert_eq!(
        of(&kinds, "assistant_message"),
        of(&events, "turn.completed"),
        "answers: {kinds:?} {events:?}"
    );
    let missing = rows(
        pool,
        "select turns.id from tutor_agent.turns as turns where turns.state = 'completed' and 1 <>
           (select count(*) from chat_thread.items as items
             where items.id = turns.answer_id and items.thread_id = turns.thread_id)",
    )
    .await;
    assert!(missing.is_empty(), "completed turns without their answer: {missing:?}");
}

/// Every reservation was settled by a completed turn or given back, once.
async fn assert_quota_matches_turns(pool: &PgPool) {
    let events = counts(pool, "select type, count(*) from rate_limit.events group by type").await;
    let of = |key: &str| events.get(key).copied().unwrap_or_default();
    assert_eq!(of("quota.reserved"), of("quota.settled") + of("quota.refunded"), "{events:?}");
    let completed =
        number(pool, "select count(*) from tutor_agent.events where type = 'turn.completed'").await;
    assert_eq!(of("quota.settled"), completed, "what was answered was paid, and nothing else: {events:?}");
}

async fn number(pool: &PgPool, query: &str) -> i64 {
    let result = sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(pool).await;
    result.unwrap_or_else(|error| panic!("{query}: {error}"))
}

async fn rows(pool: &PgPool, query: &str) -> Vec<String> {
    let result = sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_all(pool).await;
    result.unwrap_or_else(|error| panic!("{query}: {error}"))
}

async fn counts(pool: &PgPool, query: &str) -> BTreeMap<String, i64> {
    let result = sqlx::query_as::<_, (String, i64)>(AssertSqlSafe(query.to_owned())).fetch_all(pool).await;
    result.unwrap_or_else(|error| panic!("{query}: {error}")).into_iter().collect()
}
