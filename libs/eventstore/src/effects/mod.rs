//! What must happen in the outside world: mail, back-channel logout, webhooks.
//!
//! An effect is enqueued in the transaction of the event that demands it and performed by an
//! [`EffectWorker`] at least once: after a crash in between it is performed again under the same
//! `(kind, key)`, so whatever receives it must be able to recognise the key.

mod worker;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

pub use worker::{EffectWorker, GivenUp, given_up, try_again};

use crate::StoreError;

/// Records that an effect is due at `at`. Enqueuing the same `(kind, key)` again changes nothing,
/// whatever became of the first.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn enqueue(
    tx: &mut PgConnection,
    kind: &str,
    key: &str,
    payload: &serde_json::Value,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into effects (kind, key, payload, due_at, enqueued_at) values ($1, $2, $3, $4, $4)
         on conflict (kind, key) do nothing",
    )
    .bind(kind)
    .bind(key)
    .bind(payload)
    .bind(at)
    .execute(tx)
    .await?;
    Ok(())
}

/// One kind of effect and how it is performed.
#[async_trait]
pub trait Effect: Send + Sync {
    /// The kind it performs, as given to [`enqueue`].
    fn kind(&self) -> &'static str;

    /// Performs the effect; called again with the same key after a failure or a crash. Given up
    /// on and tried again after 30 seconds without an answer.
    async fn perform(&self, key: &str, payload: &serde_json::Value) -> Result<(), EffectError>;
}

/// Why an effect did not happen. The text is kept for operators and must hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EffectError {
    /// Try again with growing pauses; given up on after twelve attempts (2.4 hours).
    #[error("to be tried again: {0}")]
    Retry(String),
    /// It can never succeed.
    #[error("given up: {0}")]
    GiveUp(String),
}
