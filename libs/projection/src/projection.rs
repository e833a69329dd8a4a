use async_trait::async_trait;
use eventstore::{RecordedEvent, StoreError};
use kernel::CodecError;
use sqlx::PgConnection;

/// A read model, or a consumer that turns a foreign event into a command: a fold over the events
/// of one or more stores.
#[async_trait]
pub trait Projection: Send + Sync + 'static {
    /// Names its checkpoints and its consumers on the bus; it can never change.
    fn name(&self) -> &'static str;

    /// The stores whose events it reads. Order holds within each store, not between them.
    fn sources(&self) -> &'static [&'static str];

    /// Asks others for what `apply` needs to know beyond the events: once for a run of events of one
    /// store, before the transaction begins, since an open one holds up every sequencer of the
    /// cluster (ADR 0003). `apply` may see the events more than once before the next run.
    async fn prepare(&self, _events: &[RecordedEvent]) -> Result<(), ApplyError> {
        Ok(())
    }

    /// Folds one event into the tables, in the transaction that moves the checkpoint: each event
    /// counts once, in order. Types it does not know it must ignore with `Ok(())`. Anything it
    /// does outside of `tx` may happen more than once.
    async fn apply(&self, tx: &mut PgConnection, event: &RecordedEvent) -> Result<(), ApplyError>;
}

/// Why an event was not applied. The projection of that store stands still until it is; nothing
/// is ever skipped.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// Something is away; tried again soon.
    #[error("to be tried again: {0}")]
    Retry(String),
    /// This build cannot apply the event: a defect that raises an alarm. Tried again with growing
    /// pauses, so that a fixed build or row goes on by itself.
    #[error("poison: {0}")]
    Poison(String),
}

impl From<sqlx::Error> for ApplyError {
    fn from(error: sqlx::Error) -> Self {
        if eventstore::is_transient(&error) {
            Self::Retry(error.to_string())
        } else {
            Self::Poison(error.to_string())
        }
    }
}

impl From<CodecError> for ApplyError {
    fn from(error: CodecError) -> Self {
        Self::Poison(error.to_string())
    }
}

impl From<StoreError> for ApplyError {
    fn from(error: StoreError) -> Self {
        match error {
            // The operator mends the last one.
            StoreError::Conflict { .. } | StoreError::Unavailable(_) | StoreError::OtherSecret => {
                Self::Retry(error.to_string())
            }
            other => Self::Poison(other.to_string()),
        }
    }
}

/// What waiting can mend is retried; any other refusal of a peer is a defect.
impl From<kernel::Error> for ApplyError {
    fn from(error: kernel::Error) -> Self {
        match error.retry {
            kernel::Retry::Never => Self::Poison(error.to_string()),
            kernel::Retry::Immediately | kernel::Retry::After(_) => Self::Retry(error.to_string()),
        }
    }
}
