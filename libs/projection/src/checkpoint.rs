use std::time::{Duration, Instant};

use eventstore::RecordedEvent;
use kernel::Clock;
use sqlx::{PgConnection, PgPool};
use tracing::Instrument;

use crate::span::span_of;
use crate::{ApplyError, Projection};

/// A transaction ends after this time, however many events were to come: for as long as it is open
/// no store of the cluster can sequence younger events (ADR 0003).
const TRANSACTION_TIME: Duration = Duration::from_millis(25);

/// How far one projection has come in one store.
pub(crate) struct Checkpoint<'a> {
    pub(crate) pool: &'a PgPool,
    pub(crate) projection: &'a dyn Projection,
    pub(crate) store: &'static str,
    pub(crate) clock: &'a dyn Clock,
}

/// What became of a run of events.
#[derive(Debug)]
pub(crate) enum Applied {
    /// The checkpoint is here now: at the last event, or before it when the time was up.
    UpTo(u64),
    /// Another process moved the checkpoint first, to here.
    Elsewhere(u64),
}

/// An event that could not be applied; those before it were.
#[derive(Debug, thiserror::Error)]
#[error("event {position}: {error}")]
pub(crate) struct Stuck {
    pub(crate) position: u64,
    pub(crate) error: ApplyError,
}

impl Checkpoint<'_> {
    /// The last position applied; the row is made when the projection is new.
    pub(crate) async fn load(&self) -> Result<u64, sqlx::Error> {
        let select = "select gpos from checkpoints where projection = $1 and store = $2";
        let found: Option<i64> = sqlx::query_scalar(select)
            .bind(self.projection.name())
            .bind(self.store)
            .fetch_optional(self.pool)
            .await?;
        if let Some(position) = found {
            return Ok(position.unsigned_abs());
        }
        sqlx::query(
            "insert into checkpoints (projection, store, updated_at) values ($1, $2, $3) on conflict do nothing",
        )
        .bind(self.projection.name())
        .bind(self.store)
        .bind(self.clock.now())
        .execute(self.pool)
        .await?;
        Ok(0)
    }

    /// Applies `events`, which follow each other from `at + 1`, and moves the checkpoint with them
    /// in one transaction.
    pub(crate) async fn apply(&self, at: u64, events: &[RecordedEvent]) -> Result<Applied, Stuck> {
        let mut count = events.len();
        loop {
            match self.try_apply(at, &events[..count]).await {
                // The failed statement took the transaction with it: do the good ones alone, and
                // come back to this one next time.
                Err(stuck) if stuck.position > at + 1 => {
                    count = usize::try_from(stuck.position - at - 1).unwrap_or(0).min(count - 1);
                }
                outcome => return outcome,
            }
        }
    }

    async fn try_apply(&self, at: u64, events: &[RecordedEvent]) -> Result<Applied, Stuck> {
        let stuck = |error: sqlx::Error| Stuck { position: at + 1, error: error.into() };
        let mut tx = self.pool.begin().await.map_err(stuck)?;
        // The lock first: of two replicas one does the work, the other learns that it is done.
        let current: i64 = sqlx::query_scalar(
            "select gpos from checkpoints where projection = $1 and store = $2 for update",
        )
        .bind(self.projection.name())
        .bind(self.store)
        .fetch_one(&mut *tx)
        .await
        .map_err(stuck)?;
        if current.unsigned_abs() != at {
            return Ok(Applied::Elsewhere(current.unsigned_abs()));
        }
        let started = Instant::now();
        let mut done = at;
        for event in events {
            let span = span_of(self.projection.name(), event);
            let outcome = self.projection.apply(&mut tx, event).instrument(span).await;
            outcome.map_err(|error| Stuck { position: event.position, error })?;
            done = event.position;
            if started.elapsed() >= TRANSACTION_TIME {
                break;
            }
        }
        self.advance(&mut tx, at, done).await.map_err(stuck)?;
        tx.commit().await.map_err(stuck)?;
        Ok(Applied::UpTo(done))
    }

    async fn advance(&self, tx: &mut PgConnection, from: u64, to: u64) -> Result<(), sqlx::Error> {
        let moved = sqlx::query(
            "update checkpoints set gpos = $4, updated_at = $5
             where projection = $1 and store = $2 and gpos = $3",
        )
        .bind(self.projection.name())
        .bind(self.store)
        .bind(i64::try_from(from).unwrap_or(i64::MAX))
        .bind(i64::try_from(to).unwrap_or(i64::MAX))
        .bind(self.clock.now())
        .execute(tx)
        .await?;
        if moved.rows_affected() == 1 { Ok(()) } else { Err(sqlx::Error::RowNotFound) }
    }
}
