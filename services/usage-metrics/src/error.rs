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

/// Logs the source and says what the caller may know: SERVICE_UNAVAILABLE, INVALID_ARGUMENT for a
/// text that Postgres cannot hold, or INTERNAL.
pub(crate) fn database(error: sqlx::Error) -> Error {
    StoreError::from(error).into()
}
