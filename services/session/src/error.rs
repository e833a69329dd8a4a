//! Every reason this service reports, in one place.

use kernel::{Error, ErrorCode};

use crate::keys::KeyError;

/// Unknown, expired or revoked: the bearer of a token is not told which.
pub(crate) fn session_not_found() -> Error {
    Error::not_found("SESSION_NOT_FOUND", "Session not found")
}

pub(crate) fn invalid_options(message: String) -> Error {
    Error::invalid("INVALID_OPTIONS", message)
}

/// Logs what the operator must know; the caller learns that there are no tokens now.
impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        if let KeyError::Store(error) = error {
            return error.into();
        }
        tracing::error!(%error, "access tokens cannot be signed");
        Self::new(
            ErrorCode::Unavailable,
            "SIGNING_KEY_UNREADABLE",
            "Access tokens cannot be issued at the moment.",
        )
    }
}
