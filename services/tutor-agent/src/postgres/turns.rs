//! Table `turns`. What tells of an event takes that event's transaction; the rest are leases and
//! work in progress, each changed only by the turn's holder.

use chrono::{DateTime, TimeDelta, Utc};
use eventstore::StoreError;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Reserving,
    Running,
    Answered,
    Failing,
    Completed,
    Failed,
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Reserving => "reserving",
            Self::Running => "running",
            Self::Answered => "answered",
            Self::Failing => "failing",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Reserving, Self::Running, Self::Answered, Self::Failing, Self::Completed, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// A turn as every replica can carry it on.
#[derive(Debug, Clone)]
pub struct Turn {
    pub id: String,
    pub user_id: String,
    pub thread_id: String,
    pub answer_id: String,
    pub model: String,
    pub state: State,
    pub reason: Option<String>,
    /// The thread's name to be, when it has none.
    pub title: Option<String>,
    /// While answered: the item's payload, and the encoded `turn.completed`.
    pub answer: Vec<u8>,
    pub completed: Vec<u8>,
    pub started_at: DateTime<Utc>,
}

#[derive(Debug, Clone)]
pub struct TurnTable {
    pool: PgPool,
    /// This process.
    holder: String,
    lease: TimeDelta,
}

impl TurnTable {
    pub fn new(pool: PgPool, holder: String, lease: TimeDelta) -> Self {
        Self { pool, holder, lease }
    }

    /// Records that a reservation may exist from now on.
    pub async fn insert(&self, turn: &Turn) -> Result<(), StoreError> {
        sqlx::query(
            "insert into turns (id, user_id, thread_id, answer_id, model, state, title, holder, heartbeat_at,
                 lease_until, started_at)
             values ($1, $2, $3, $4, $5, 'reserving', $6, $7, $8, $9, $8)",
        )
        .bind(&turn.id)
        .bind(&turn.user_id)
        .bind(&turn.thread_id)
        .bind(&turn.answer_id)
        .bind(&turn.model)
        .bind(&turn.title)
        .bind(&self.holder)
        .bind(turn.started_at)
        .bind(turn.started_at + self.lease)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// With `turn.started`.
    pub async fn start(tx: &mut PgConnection, id: &str) -> Result<(), StoreError> {
        sqlx::query("update turns set state = 'running' where id = $1").bind(id).execute(tx).await?;
        Ok(())
    }

    /// With `turn.completed` or `turn.failed`. The answer stands in the thread now, or nowhere.
    pub async fn finish(
        tx: &mut PgConnection,
        id: &str,
        state: State,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "update turns set state = $2, finished_at = $3, answer = null, completed = null, title = null
             where id = $1",
        )
        .bind(id)
        .bind(state.as_str())
        .bind(at)
        .execute(tx)
        .await?;
        Ok(())
    }

    /// The answer is complete. `false` when the turn is no longer ours.
    pub async fn answered(&self, id: &str, answer: &[u8], completed: &[u8]) -> Result<bool, StoreError> {
        let changed = sqlx::query(
            "update turns set state = 'answered', answer = $3, completed = $4
             where id = $1 and holder = $2 and state = 'running'",
        )
        .bind(id)
        .bind(&self.holder)
        .bind(answer)
        .bind(completed)
        .execute(&self.pool)
        .await?;
        Ok(changed.rows_affected() > 0)
    }

    /// The turn cannot be completed. `false` when it is no longer ours.
    pub async fn failing(&self, id: &str, reason: &str) -> Result<bool, StoreError> {
        let changed = sqlx::query(
            "update turns set state = 'failing', reason = $3, answer = null, completed = null
             where id = $1 and holder = $2 and state in ('running', 'answered')",
        )
        .bind(id)
        .bind(&self.holder)
        .bind(reason)
        .execute(&self.pool)
        .await?;
        Ok(changed.rows_affected() > 0)
    }

    /// A turn that never started leaves no trace.
    pub async fn forget(&self, id: &str) -> Result<(), StoreError> {
        sqlx::query("delete from turns where id = $1 and state = 'reserving'")
            .bind(id)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Extends the lease. `false` when the turn is no longer ours.
    pub async fn beat(&self, id: &str, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let changed =
            sqlx::query("update turns set heartbeat_at = $3, lease_until = $4 where id = $1 and holder = $2")
                .bind(id)
                .bind(&self.holder)
                .bind(now)
                .bind(now + self.lease)
                .execute(&self.pool)
                .await?;
        Ok(changed.rows_affected() > 0)
    }

    /// Lets another replica, or this one later, carry the turn on from `at`.
    pub async fn release(&self, id: &str, at: DateTime<Utc>) -> Result<(), StoreError> {
        sqlx::query("update turns set lease_until = $3 where id = $1 and holder = $2")
            .bind(id)
            .bind(&self.holder)
            .bind(at)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// This process ends: whoever comes next may carry on what it leaves.
    pub async fn release_all(&self, at: DateTime<Utc>) -> Result<(), StoreError> {
        sqlx::query(
            "update turns set lease_until = $2
             where holder = $1 and state in ('reserving', 'running', 'answered', 'failing')",
        )
        .bind(&self.holder)
        .bind(at)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Takes over turns whose holder is gone. Each goes to one replica.
    pub async fn take_expired(&self, now: DateTime<Utc>, limit: u32) -> Result<Vec<Turn>, StoreError> {
        let rows = sqlx::query(
            "with expired as materialized (
                 select id from turns
                 where state in ('reserving', 'running', 'answered', 'failing') and lease_until < $1
                 order by lease_until limit $4 for update skip locked
             )
             update turns t set holder = $2, heartbeat_at = $1, lease_until = $3 from expired e where t.id = e.id
             returning t.id, t.user_id, t.thread_id, t.answer_id, t.model, t.state, t.reason, t.title, t.answer,
                 t.completed, t.started_at",
        )
        .bind(now)
        .bind(&self.holder)
        .bind(now + self.lease)
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.iter().map(turn).collect::<Result<_, sqlx::Error>>()?)
    }
}

fn turn(row: &PgRow) -> Result<Turn, sqlx::Error> {
    let state: &str = row.try_get("state")?;
    Ok(Turn {
        id: row.try_get("id")?,
        user_id: row.try_get("user_id")?,
        thread_id: row.try_get("thread_id")?,
        answer_id: row.try_get("answer_id")?,
        model: row.try_get("model")?,
        state: State::parse(state)
            .ok_or_else(|| sqlx::Error::Decode(format!("unknown state {state}").into()))?,
        reason: row.try_get("reason")?,
        title: row.try_get("title")?,
        answer: row.try_get::<Option<_>, _>("answer")?.unwrap_or_default(),
        completed: row.try_get::<Option<_>, _>("completed")?.unwrap_or_default(),
        started_at: row.try_get("started_at")?,
    })
}
