//! Every reason this service reports, in one place.

use kernel::{Error, ErrorCode};

use crate::keys::KeyError;

/// Unknown, expired or revoked: the bearer of a token is not told which.
pub(crate) fn session_not_found() -> Error {
    Error::not_found("SESSION_NOT_FOUND", "Session not found")
}

/// As identity says it: the user was erased meanwhile.
pub(crate) fn user_not_found() -> Error {
    Error::not_found("USER_NOT_FOUND", "User not found")
}

pub(crate) fn banned_user() -> Error {
    Error::denied(
        "BANNED_USER",
        "You have been banned from this application. Please contact support if you believe this is an error.",
    )
}

/// The user's sessions were ended between the proof of who they are and this session.
pub(crate) fn failed_to_create_session() -> Error {
    Error::new(ErrorCode::Unauthenticated, "FAILED_TO_CREATE_SESSION", "Please sign in again.")
}

pub(crate) fn may_not_impersonate() -> Error {
    Error::denied("YOU_ARE_NOT_ALLOWED_TO_IMPERSONATE_USERS", "You are not allowed to impersonate users")
}

pub(crate) fn cannot_impersonate_admins() -> Error {
    Error::denied("YOU_CANNOT_IMPERSONATE_ADMINS", "You cannot impersonate admins")
}

pub(crate) fn forbidden() -> Error {
    Error::denied("FORBIDDEN", "Only administrators may do this.")
}

pub(crate) fn client_not_found() -> Error {
    Error::not_found("CLIENT_NOT_FOUND", "There is no such application.")
}

pub(crate) fn client_has_no_secret() -> Error {
    Error::invalid("CLIENT_HAS_NO_SECRET", "The application proves who it is without a secret.")
}

/// Unknown, expired or decided: whoever guesses is not told which.
pub(crate) fn device_code_not_found() -> Error {
    Error::not_found("DEVICE_CODE_NOT_FOUND", "The code is unknown or has expired.")
}

pub(crate) fn unknown_reason() -> Error {
    Error::invalid("INVALID_ARGUMENT", "No session is revoked for this reason.")
}

pub(crate) fn invalid_options(message: String) -> Error {
    Error::invalid("INVALID_OPTIONS", message)
}

/// Logs what the operator must know; the caller learns that there are no tokens now.
impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Store(error) => return error.into(),
            KeyError::Unanswered => {
                return Self::unavailable("The service cannot reach its database. Please try again.");
            }
            KeyError::Unreadable(_) | KeyError::Crypto(_) | KeyError::None => {}
        }
        tracing::error!(%error, "access tokens cannot be signed");
        Self::new(
            ErrorCode::Unavailable,
            "SIGNING_KEY_UNREADABLE",
            "Access tokens cannot be issued at the moment.",
        )
    }
}
