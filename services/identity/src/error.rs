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

pub(crate) fn address_not_verified() -> Error {
    Error::new(
        ErrorCode::FailedPrecondition,
        "ADDRESS_NOT_VERIFIED",
        "Nobody has proven yet that the account of this address is its owner's",
    )
}

pub(crate) fn invalid_user() -> Error {
    Error::new(ErrorCode::Unauthenticated, "INVALID_USER", "Invalid user")
}

pub(crate) fn provider_not_found() -> Error {
    Error::not_found("PROVIDER_NOT_FOUND", "Provider not found")
}

pub(crate) fn provider_unavailable() -> Error {
    Error::new(
        ErrorCode::Unavailable,
        "PROVIDER_UNAVAILABLE",
        "The provider does not answer. Please try again.",
    )
    .retry_after(Duration::from_secs(5))
}

pub(crate) fn reserved_parameter() -> Error {
    Error::invalid("RESERVED_PARAMETER", "A further parameter of the sign-in cannot be used")
}

pub(crate) fn id_token_not_supported() -> Error {
    Error::not_found("ID_TOKEN_NOT_SUPPORTED", "id_token not supported")
}

pub(crate) fn user_email_not_found() -> Error {
    Error::new(ErrorCode::Unauthenticated, "USER_EMAIL_NOT_FOUND", "User email not found")
}

pub(crate) fn oauth_link_error() -> Error {
    Error::new(ErrorCode::Unauthenticated, "OAUTH_LINK_ERROR", "account not linked")
}

pub(crate) fn linking_not_allowed() -> Error {
    Error::new(ErrorCode::Unauthenticated, "LINKING_NOT_ALLOWED", "Account not linked - linking not allowed")
}

pub(crate) fn linking_different_emails() -> Error {
    Error::new(
        ErrorCode::Unauthenticated,
        "LINKING_DIFFERENT_EMAILS_NOT_ALLOWED",
        "Account not linked - different emails not allowed",
    )
}

pub(crate) fn already_linked() -> Error {
    Error::new(ErrorCode::AlreadyExists, "SOCIAL_ACCOUNT_ALREADY_LINKED", "Social account already linked")
}

/// Another request linked the identity in this moment.
pub(crate) fn identity_taken() -> Error {
    Error::new(
        ErrorCode::Conflict,
        "IDENTITY_TAKEN",
        "This sign-in was linked in this moment. Please try again.",
    )
}

pub(crate) fn provider_not_supported() -> Error {
    Error::invalid("PROVIDER_NOT_SUPPORTED", "Provider is not supported.")
}

pub(crate) fn provider_not_configured() -> Error {
    Error::invalid("PROVIDER_NOT_CONFIGURED", "Provider is not configured.")
}

pub(crate) fn refresh_token_not_found() -> Error {
    Error::invalid("REFRESH_TOKEN_NOT_FOUND", "Refresh token not found")
}

pub(crate) fn no_access_token() -> Error {
    Error::invalid("FAILED_TO_GET_ACCESS_TOKEN", "Failed to get a valid access token")
}

pub(crate) fn not_refreshed() -> Error {
    Error::invalid("FAILED_TO_REFRESH_ACCESS_TOKEN", "Failed to refresh access token")
}

pub(crate) fn no_user_info() -> Error {
    Error::new(ErrorCode::Unauthenticated, "FAILED_TO_GET_USER_INFO", "Failed to get user info")
}

/// A mailed token that is good once: unknown, used, replaced or expired.
pub(crate) fn invalid_mailed_token() -> Error {
    Error::invalid("INVALID_TOKEN", "Invalid token")
}

pub(crate) fn deletion_token_not_found() -> Error {
    Error::not_found("INVALID_TOKEN", "Invalid token")
}

pub(crate) fn invalid_password() -> Error {
    Error::invalid("INVALID_PASSWORD", "Invalid password")
}

pub(crate) fn credential_account_not_found() -> Error {
    Error::invalid("CREDENTIAL_ACCOUNT_NOT_FOUND", "Credential account not found")
}

pub(crate) fn email_is_the_same() -> Error {
    Error::invalid("EMAIL_IS_THE_SAME", "Email is the same")
}

pub(crate) fn account_not_found() -> Error {
    Error::invalid("ACCOUNT_NOT_FOUND", "Account not found")
}

pub(crate) fn last_account() -> Error {
    Error::invalid("FAILED_TO_UNLINK_LAST_ACCOUNT", "You can't unlink your last account")
}

pub(crate) fn banned_user() -> Error {
    Error::denied(
        "BANNED_USER",
        "You have been banned from this application. Please contact support if you believe this is an error.",
    )
}

/// Someone must be left who can administer.
pub(crate) fn last_admin() -> Error {
    Error::new(
        ErrorCode::FailedPrecondition,
        "LAST_ADMIN",
        "This is the last administrator. Make someone else an administrator first.",
    )
}

pub(crate) fn forbidden() -> Error {
    Error::denied("FORBIDDEN", "Only administrators may do this.")
}

pub(crate) fn cannot_ban_yourself() -> Error {
    Error::invalid("YOU_CANNOT_BAN_YOURSELF", "You cannot ban yourself")
}

pub(crate) fn cannot_remove_yourself() -> Error {
    Error::invalid("YOU_CANNOT_REMOVE_YOURSELF", "You cannot remove yourself")
}

pub(crate) fn ban_in_the_past() -> Error {
    Error::invalid("INVALID_BAN", "A ban ends in the future")
}

pub(crate) fn invalid_ban_reason() -> Error {
    Error::invalid("INVALID_BAN", "The reason of a ban is one line of up to 200 characters")
}

pub(crate) fn invalid_query(what: &'static str) -> Error {
    Error::invalid("VALIDATION_ERROR", format!("{what} is not valid"))
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
            ProfileError::BanReason => invalid_ban_reason(),
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
            PasswordError::Breached => Self::invalid(
                "PASSWORD_COMPROMISED",
                "This password is among the first that are tried: it is made of common passwords, or of your name or address. Please choose another.",
            ),
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
