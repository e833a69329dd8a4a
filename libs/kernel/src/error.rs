use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// The closed set of outcomes a service may report. Each maps once to a gRPC status and once to
/// an HTTP status; a new kind of failure gets a new `reason`, not a new code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The request can never succeed as it stands.
    InvalidArgument,
    /// No proof, or a bad proof, of who is asking.
    Unauthenticated,
    PermissionDenied,
    NotFound,
    AlreadyExists,
    /// Another writer came first; load again and decide anew.
    Conflict,
    /// The system is not in the state the command needs.
    FailedPrecondition,
    /// A quota, lockout or queue limit.
    ResourceExhausted,
    /// A part we depend on is away.
    Unavailable,
    DeadlineExceeded,
    /// A defect on our side.
    Internal,
}

impl ErrorCode {
    /// The HTTP status of this code (RFC 9110, section 15).
    pub fn http_status(self) -> u16 {
        match self {
            Self::InvalidArgument => 400,
            Self::Unauthenticated => 401,
            Self::PermissionDenied => 403,
            Self::NotFound => 404,
            Self::AlreadyExists | Self::Conflict => 409,
            Self::FailedPrecondition => 412,
            Self::ResourceExhausted => 429,
            Self::Unavailable => 503,
            Self::DeadlineExceeded => 504,
            Self::Internal => 500,
        }
    }
}

/// Whether asking again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same request will fail again.
    Never,
    /// At once, after loading again.
    Immediately,
    /// After at least this long.
    After(Duration),
}

/// What a service tells its caller. Sources are logged at the edge where they arise and never
/// travel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct Error {
    pub code: ErrorCode,
    /// Upper-case constant, one page each under `docs/errors/`.
    pub reason: Cow<'static, str>,
    /// For people; says nothing that the caller may not know.
    pub message: Cow<'static, str>,
    /// Typed extras, for example `resets_at`.
    pub metadata: BTreeMap<String, String>,
    pub retry: Retry,
}

impl Error {
    pub fn new(code: ErrorCode, reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        let retry = match code {
            ErrorCode::Conflict => Retry::Immediately,
            ErrorCode::Unavailable | ErrorCode::DeadlineExceeded => Retry::After(Duration::from_secs(1)),
            _ => Retry::Never,
        };
        Self {
            code,
            reason: Cow::Borrowed(reason),
            message: message.into(),
            metadata: BTreeMap::new(),
            retry,
        }
    }

    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry = Retry::After(wait);
        self
    }

    pub fn invalid(reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidArgument, reason, message)
    }

    pub fn not_found(reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::NotFound, reason, message)
    }

    pub fn denied(reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::PermissionDenied, reason, message)
    }

    pub fn unavailable(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Unavailable, "SERVICE_UNAVAILABLE", message)
    }

    /// A defect: the cause must be logged by whoever calls this.
    pub fn internal() -> Self {
        Self::new(ErrorCode::Internal, "INTERNAL", "Something went wrong on our side.")
    }
}
