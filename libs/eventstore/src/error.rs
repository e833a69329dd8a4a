use kernel::{CodecError, ErrorCode};

/// Why a store operation did not happen. Nothing was recorded, except after a failed `commit`,
/// whose outcome the server may not have been able to report.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The stream is not at the version the caller decided upon.
    #[error("stream {stream} is at version {actual}, expected {expected}")]
    Conflict { stream: String, expected: u64, actual: u64 },
    /// Postgres is away, overloaded or gave up waiting; the same call may succeed later.
    #[error("the event store is unavailable: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// Postgres refused the statement: a constraint (see [`Self::unique_violation`]) or a defect.
    #[error("the event store refused a statement: {0}")]
    Refused(#[source] sqlx::Error),
    /// Stored bytes that this build cannot read.
    #[error("stream {stream} version {version} cannot be read: {detail}")]
    Corrupt { stream: String, version: u64, detail: String },
    /// AUTH_SECRET is not the one that the personal data in this database is sealed under.
    #[error("AUTH_SECRET is not the one that this database was first used with")]
    OtherSecret,
    /// The event would not fit into a message on the bus, and would block every later one.
    #[error("event {event_type} takes {bytes} bytes, the limit is {limit}")]
    TooLarge { event_type: String, bytes: usize, limit: usize },
    /// A defect of the caller: an empty append, or a name that the log cannot hold.
    #[error("the append is malformed: {0}")]
    Malformed(String),
    /// A defect of the caller: something was written (or a row locked) between `open` and
    /// `append`, which would let the order of transactions differ from the order of the stream.
    #[error("stream {stream}: the transaction wrote before it appended")]
    WroteBeforeAppend { stream: String },
}

impl StoreError {
    /// The violated unique constraint, when that is what went wrong: how a service turns "this
    /// e-mail is taken" from an inline table into its own error.
    pub fn unique_violation(&self) -> Option<&str> {
        let Self::Refused(sqlx::Error::Database(error)) = self else { return None };
        if error.is_unique_violation() { error.constraint() } else { None }
    }

    pub(crate) fn corrupt(stream: &str, version: u64, error: &CodecError) -> Self {
        Self::Corrupt { stream: stream.to_owned(), version, detail: error.to_string() }
    }
}

/// Whether the same statement may succeed when tried again later: a lost connection, a full pool,
/// a timeout, a deadlock, a server that starts or stops. Everything else is an answer.
pub fn is_transient(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed
        | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            // SQLSTATE classes (PostgreSQL manual, appendix A): connection, rollback, resources,
            // lock not available, operator intervention (statement timeout, shutdown), system;
            // 25P03 is the idle-in-transaction timeout.
            ["08", "40", "53", "55P03", "57", "58", "25P03"].iter().any(|class| code.starts_with(class))
        }),
        _ => false,
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if is_transient(&error) { Self::Unavailable(error) } else { Self::Refused(error) }
    }
}

/// Whether Postgres refused a text for a character that no text may hold there, such as NUL
/// (SQLSTATE 22021 and, within JSON, 22P05). Such text comes from a client, not from a defect.
fn holds_unstorable_text(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else { return false };
    error.code().is_some_and(|code| matches!(code.as_ref(), "22021" | "22P05"))
}

/// Logs the source, which goes no further, and says what the caller may know.
impl From<StoreError> for kernel::Error {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Conflict { expected, actual, .. } => Self::new(
                ErrorCode::Conflict,
                "CONFLICT",
                "Someone else changed this first. Please try again.",
            )
            .with("expected", expected.to_string())
            .with("actual", actual.to_string()),
            StoreError::Unavailable(_) => {
                tracing::warn!(%error, "the event store is unavailable");
                Self::unavailable("The service cannot reach its database. Please try again.")
            }
            StoreError::OtherSecret => {
                tracing::error!(%error, "personal data can be neither sealed nor opened");
                Self::new(
                    ErrorCode::Unavailable,
                    "WRONG_AUTH_SECRET",
                    "AUTH_SECRET is not the one that this database was first used with.",
                )
            }
            StoreError::TooLarge { bytes, limit, .. } => {
                Self::invalid("EVENT_TOO_LARGE", "This is too large to be stored.")
                    .with("bytes", bytes.to_string())
                    .with("limit", limit.to_string())
            }
            StoreError::Refused(source) if holds_unstorable_text(source) => {
                Self::invalid("INVALID_ARGUMENT", "A text holds a character that cannot be stored.")
            }
            StoreError::Refused(_)
            | StoreError::Corrupt { .. }
            | StoreError::Malformed(_)
            | StoreError::WroteBeforeAppend { .. } => {
                tracing::error!(%error, "the event store failed");
                Self::internal()
            }
        }
    }
}
