use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use kernel::Clock;
use sqlx::Row;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Effect, EffectError};
use crate::{Backoff, Store, StoreError};

/// Effects performed side by side.
const AT_ONCE: i64 = 8;

/// How often due effects are looked for although nothing was committed in this process.
const POLL: Duration = Duration::from_millis(500);

/// The longest an effect may take.
const PERFORM_LIMIT: Duration = Duration::from_secs(30);

/// How long an effect belongs to the worker that took it; after that the worker is taken for dead.
const LEASE: TimeDelta = TimeDelta::minutes(1);

const MAX_ATTEMPTS: i32 = 12;

/// Performs the due effects of a store. Any number may run at once; each effect is held by one of
/// them at a time. The hold is a lease and not a row lock: an open transaction would stall the
/// readers of the whole cluster for as long as a mail server takes to answer.
pub struct EffectWorker {
    store: Store,
    effects: BTreeMap<&'static str, Arc<dyn Effect>>,
    clock: Arc<dyn Clock>,
}

struct Taken {
    id: i64,
    kind: String,
    key: String,
    payload: serde_json::Value,
    /// This attempt's number, from 1.
    attempt: i32,
}

impl EffectWorker {
    /// Kinds that are not among `effects` are left alone.
    pub fn new(store: Store, effects: Vec<Arc<dyn Effect>>, clock: Arc<dyn Clock>) -> Self {
        let effects = effects.into_iter().map(|effect| (effect.kind(), effect)).collect();
        Self { store, effects, clock }
    }

    /// Runs until `shutdown`; outlives any outage of Postgres. An effect that is being performed
    /// at shutdown is performed again when its lease of one minute ends.
    pub async fn run(self, shutdown: CancellationToken) {
        shutdown.run_until_cancelled(self.work_for_ever()).await;
    }

    async fn work_for_ever(&self) {
        let mut commits = self.store.commits();
        let mut pauses = Backoff::new(POLL, Duration::from_secs(10));
        loop {
            commits.mark_unchanged();
            match self.work().await {
                Ok(done) => {
                    pauses.reset();
                    if done > 0 {
                        continue;
                    }
                }
                Err(error) => {
                    tracing::warn!(store = self.store.name(), %error, "effects wait");
                    tokio::time::sleep(pauses.step()).await;
                }
            }
            tokio::select! {
                _ = commits.changed() => {}
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }

    /// Performs what is due and returns how many effects that were.
    async fn work(&self) -> Result<usize, StoreError> {
        let taken = self.take().await?;
        let outcomes = join_all(taken.iter().map(|effect| self.perform(effect))).await;
        for (effect, outcome) in taken.iter().zip(outcomes) {
            self.record(effect, outcome).await?;
        }
        Ok(taken.len())
    }

    async fn take(&self) -> Result<Vec<Taken>, StoreError> {
        let now = self.clock.now();
        let kinds: Vec<&str> = self.effects.keys().copied().collect();
        let rows = sqlx::query(
            "with due as materialized (
                 select id from effects where state = 'pending' and due_at <= $1 and kind = any($2)
                 order by due_at limit $3 for update skip locked
             )
             update effects e set attempts = e.attempts + 1, due_at = $4 from due where e.id = due.id
             returning e.id, e.kind, e.key, e.payload, e.attempts",
        )
        .bind(now)
        .bind(kinds)
        .bind(AT_ONCE)
        .bind(now + LEASE)
        .fetch_all(self.store.pool())
        .await?;
        let taken = |row: &sqlx::postgres::PgRow| {
            Ok(Taken {
                id: row.try_get("id")?,
                kind: row.try_get("kind")?,
                key: row.try_get("key")?,
                payload: row.try_get("payload")?,
                attempt: row.try_get("attempts")?,
            })
        };
        rows.iter().map(taken).collect()
    }

    async fn perform(&self, taken: &Taken) -> Result<(), EffectError> {
        let Some(effect) = self.effects.get(taken.kind.as_str()) else {
            return Err(EffectError::Retry("no worker for this kind".to_owned()));
        };
        timeout(PERFORM_LIMIT, effect.perform(&taken.key, &taken.payload))
            .await
            .unwrap_or_else(|_| Err(EffectError::Retry("no answer in 30 s".to_owned())))
    }

    async fn record(&self, taken: &Taken, outcome: Result<(), EffectError>) -> Result<(), StoreError> {
        let now = self.clock.now();
        let (state, due, error) = match outcome {
            Ok(()) => ("done", now, None),
            Err(EffectError::Retry(why)) if taken.attempt < MAX_ATTEMPTS => {
                ("pending", now + pause_after(taken.attempt), Some(why))
            }
            Err(EffectError::Retry(why) | EffectError::GiveUp(why)) => ("given_up", now, Some(why)),
        };
        let kind = taken.kind.clone();
        metrics::counter!("effects_attempts_total", "kind" => kind, "outcome" => state).increment(1);
        if state == "given_up" {
            tracing::error!(
                kind = taken.kind,
                key = taken.key,
                attempts = taken.attempt,
                "an effect is given up"
            );
        }
        // An attempt whose lease has ended may still report success, but no longer failure.
        sqlx::query(
            "update effects set state = $2, due_at = $3, last_error = $4,
                 finished_at = case when $2 = 'pending' then null else $5 end
             where id = $1 and state = 'pending' and ($2 = 'done' or attempts = $6)",
        )
        .bind(taken.id)
        .bind(state)
        .bind(due)
        .bind(error)
        .bind(now)
        .bind(taken.attempt)
        .execute(self.store.pool())
        .await?;
        Ok(())
    }
}

/// 5 s after the first attempt, doubling up to an hour: twelve attempts span 2.4 hours.
fn pause_after(attempt: i32) -> TimeDelta {
    let doublings = u32::try_from(attempt - 1).unwrap_or(0).min(10);
    TimeDelta::seconds((5_i64 << doublings).min(3600))
}

/// An effect that will not be tried again unless someone asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    pub kind: String,
    pub key: String,
    pub attempts: i32,
    pub last_error: String,
    pub at: DateTime<Utc>,
}

/// The effects given up, latest first, at most `limit`.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn given_up(store: &Store, limit: u32) -> Result<Vec<GivenUp>, StoreError> {
    let rows = sqlx::query(
        "select kind, key, attempts, last_error, finished_at from effects where state = 'given_up'
         order by finished_at desc limit $1",
    )
    .bind(i64::from(limit))
    .fetch_all(store.pool())
    .await?;
    let given_up = |row: &sqlx::postgres::PgRow| {
        Ok(GivenUp {
            kind: row.try_get("kind")?,
            key: row.try_get("key")?,
            attempts: row.try_get("attempts")?,
            last_error: row.try_get::<Option<String>, _>("last_error")?.unwrap_or_default(),
            at: row.try_get("finished_at")?,
        })
    };
    rows.iter().map(given_up).collect()
}

/// Makes a given-up effect due again at `at`, with all its attempts. `false` when there is none.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn try_again(store: &Store, kind: &str, key: &str, at: DateTime<Utc>) -> Result<bool, StoreError> {
    let changed = sqlx::query(
        "update effects set state = 'pending', attempts = 0, due_at = $3, finished_at = null
         where kind = $1 and key = $2 and state = 'given_up'",
    )
    .bind(kind)
    .bind(key)
    .bind(at)
    .execute(store.pool())
    .await?;
    Ok(changed.rows_affected() > 0)
}

impl std::fmt::Debug for EffectWorker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EffectWorker").field("kinds", &self.effects.keys()).finish_non_exhaustive()
    }
}
