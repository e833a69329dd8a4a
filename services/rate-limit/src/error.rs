//! Every reason this service reports, in one place.

use kernel::{Error, ErrorCode, rfc3339_millis};

use crate::domain::quota::{CloseError, ReserveError, State};
use crate::domain::throttle::Invalid;

pub(crate) fn unauthenticated() -> Error {
    Error::new(ErrorCode::Unauthenticated, "UNAUTHENTICATED", "Please sign in.")
}

pub(crate) fn invalid_reservation_id() -> Error {
    Error::invalid("INVALID_RESERVATION_ID", "A reservation id has 1 to 64 visible ASCII characters.")
}

pub(crate) fn invalid_options() -> Error {
    Error::invalid("INVALID_OPTIONS", "The limit and the window of the message quota must be at least 1.")
}

/// Not a conflict: loading again and asking again changes nothing.
fn reservation_closed(state: State) -> Error {
    let (state, message) = match state {
        State::Refunded => ("refunded", "This message was given back already."),
        State::Settled | State::Reserved => ("settled", "This message was counted already."),
    };
    Error::new(ErrorCode::FailedPrecondition, "RESERVATION_CLOSED", message).with("state", state)
}

impl From<ReserveError> for Error {
    fn from(error: ReserveError) -> Self {
        match error {
            ReserveError::Exhausted { standing, wait } => {
                let error = Self::new(
                    ErrorCode::ResourceExhausted,
                    "QUOTA_EXCEEDED",
                    format!("You have used all {} messages for now.", standing.limit),
                )
                .with("limit", standing.limit.to_string())
                .with("remaining", standing.remaining.to_string())
                .retry_after(wait.to_std().unwrap_or_default());
                match standing.resets_at {
                    Some(at) => error.with("resets_at", rfc3339_millis(at)),
                    None => error,
                }
            }
            ReserveError::Refunded => reservation_closed(State::Refunded),
        }
    }
}

impl From<CloseError> for Error {
    fn from(error: CloseError) -> Self {
        match error {
            CloseError::Unknown => Self::not_found("RESERVATION_NOT_FOUND", "There is no such reservation."),
            CloseError::Closed(state) => reservation_closed(state),
        }
    }
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        let (field, message) = match invalid {
            Invalid::Key => ("key", "A throttle's key has 1 to 128 of A-Z, a-z, 0-9 and _ . : / -"),
            Invalid::Limit => ("limit", "A throttle's limit is 1 to 1000000."),
            Invalid::Window => ("window_seconds", "A throttle's window has 1 to 86400 seconds."),
            Invalid::Cost => ("cost", "A cost is at most the limit; what is given back is 1 to 1000000."),
        };
        Self::invalid("INVALID_THROTTLE", message).with("field", field)
    }
}
