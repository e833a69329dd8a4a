//! Every reason this service reports, in one place.

use std::time::Duration;

use chrono::{DateTime, Utc};
use kernel::{Error, ErrorCode, rfc3339_millis};

use crate::domain::email::InvalidEmail;
use crate::domain::password::{Missing, PasswordError};
use crate::domain::profile::ProfileError;

/// The same for a wrong password and an address without an account.
pub(crate) fn invalid_email_or_password() -> Error {
    Error::new(ErrorCode::Unauthenticated, "INVALID_EMAIL_OR_PASSWORD", "Invalid email or password")
}

pub(crate) fn account_locked(until: DateTime<Utc>, now: DateTime<Utc>) -> Error {
    // Rounded up: who waits as told must not come a moment too early.
    let wait = (until - now).to_std().unwrap_or_default() + Duration::from_millis(999);
    Error::new(
        ErrorCode::ResourceExhausted,
        "ACCOUNT_LOCKED",
        "Too many failed sign-ins. Please try again later.",
    )
    .with("locked_until", rfc3339_millis(until))
    .with("retry_after", wait.as_secs().to_string())
    .retry_after(Duration::from_secs(wait.as_secs()))
}

pub(crate) fn too_many_at_once() -> Error {
    Error::new(
        ErrorCode::ResourceExhausted,
        "SIGN_IN_BUSY",
        "Too many sign-ins to this account at once. Please try again.",
    )
    .retry_after(Duration::from_secs(1))
}

pub(crate) fn hash_queue_full() -> Error {
    Error::new(
        ErrorCode::Unavailable,
        "HASH_QUEUE_FULL",
        "Too many sign-ins at this moment. Please try again.",
    )
    .retry_after(Duration::from_secs(2))
}

pub(crate) fn user_exists() -> Error {
    Error::new(
        ErrorCode::AlreadyExists,
        "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
        "User already exists. Use another email.",
    )
}

pub(crate) fn user_not_found() -> Error {
    Error::not_found("USER_NOT_FOUND", "User not found")
}

/// The link names a user or address that is no more; to its bearer that is a bad proof.
pub(crate) fn verified_user_not_found() -> Error {
    Error::new(ErrorCode::Unauthenticated, "USER_NOT_FOUND", "User not found")
}

pub(crate) fn invalid_token() -> Error {
    Error::new(ErrorCode::Unauthenticated, "INVALID_TOKEN", "Invalid token")
}

pub(crate) fn token_expired() -> Error {
    Error::new(ErrorCode::Unauthenticated, "TOKEN_EXPIRED", "Token expired")
}

pub(crate) fn invalid_callback() -> Error {
    Error::invalid("INVALID_CALLBACK_URL", "Invalid callbackURL")
}

pub(crate) fn invalid_options(message: String) -> Error {
    Error::invalid("INVALID_OPTIONS", message)
}

impl From<InvalidEmail> for Error {
    fn from(_: InvalidEmail) -> Self {
        Self::invalid("INVALID_EMAIL", "Invalid email")
    }
}

impl From<ProfileError> for Error {
    fn from(error: ProfileError) -> Self {
        match error {
            ProfileError::Name => Self::invalid("INVALID_NAME", "A name is one line of 1 to 100 characters"),
            ProfileError::Image => Self::invalid("INVALID_IMAGE", "An image is an http or https address"),
        }
    }
}

impl From<PasswordError> for Error {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Long => Self::invalid("PASSWORD_TOO_LONG", "Password too long"),
            PasswordError::Short => Self::invalid("PASSWORD_TOO_SHORT", "Password too short")
                .with("missing", Missing::Length.as_str()),
            PasswordError::Weak(missing) => {
                let missing: Vec<&str> = missing.into_iter().map(Missing::as_str).collect();
                Self::invalid(
                    "PASSWORD_TOO_WEAK",
                    "A password needs 12 characters with a lower-case and an upper-case letter, a digit and a special character",
                )
                .with("missing", missing.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use kernel::Retry;

    use super::*;

    #[test]
    fn a_lock_says_until_when_in_time_and_in_whole_seconds_rounded_up() {
        let now = DateTime::UNIX_EPOCH;
        let error = account_locked(now + TimeDelta::milliseconds(1_799_001), now);
        assert_eq!(error.metadata["locked_until"], "1970-01-01T00:29:59.001Z");
        assert_eq!(error.metadata["retry_after"], "1800");
        assert_eq!(error.retry, Retry::After(Duration::from_mins(30)));
    }

    #[test]
    fn a_weak_password_is_told_all_that_is_missing() {
        let error = Error::from(PasswordError::Weak(vec![Missing::Length, Missing::Uppercase]));
        assert_eq!(
            (&*error.reason, error.metadata["missing"].as_str()),
            ("PASSWORD_TOO_WEAK", "length,uppercase")
        );
        let error = Error::from(PasswordError::Short);
        assert_eq!((&*error.reason, error.metadata["missing"].as_str()), ("PASSWORD_TOO_SHORT", "length"));
    }
}
