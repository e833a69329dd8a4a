//! Every reason this service reports, in one place.

use eventstore::StoreError;
use kernel::{Error, ErrorCode};

pub(crate) fn unauthenticated() -> Error {
    Error::new(ErrorCode::Unauthenticated, "UNAUTHENTICATED", "Please sign in.")
}

pub(crate) fn forbidden() -> Error {
    Error::denied("FORBIDDEN", "Only administrators may see this.")
}

pub(crate) fn invalid_date(field: &'static str) -> Error {
    Error::invalid("INVALID_DATE", "A day is written as YYYY-MM-DD.").with("field", field)
}

pub(crate) fn invalid_timestamp(field: &'static str) -> Error {
    Error::invalid("INVALID_TIMESTAMP", "A time lies between the years 1 and 9999.").with("field", field)
}

/// A text that no address can be; Postgres says the same of the other filters.
pub(crate) fn not_storable() -> Error {
    Error::invalid("INVALID_ARGUMENT", "A text holds a character that cannot be stored.")
}

pub(crate) fn short_secret() -> Error {
    Error::invalid("INVALID_OPTIONS", "AUTH_SECRET needs at least 32 bytes")
}

/// Logs the source and says what the caller may know: SERVICE_UNAVAILABLE, INVALID_ARGUMENT for a
/// text that Postgres cannot hold, or INTERNAL.
pub(crate) fn database(error: sqlx::Error) -> Error {
    StoreError::from(error).into()
}
