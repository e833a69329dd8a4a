//! Every reason this service reports, in one place.

use kernel::{Error, ErrorCode};

use crate::domain::payload::{MAX_PAYLOAD_BYTES, PayloadError};
use crate::domain::thread::{AddError, TitleError};

pub(crate) fn unauthenticated() -> Error {
    Error::new(ErrorCode::Unauthenticated, "UNAUTHENTICATED", "Please sign in.")
}

/// Absent, or another user's: the caller is not told which.
pub(crate) fn thread_not_found() -> Error {
    Error::not_found("THREAD_NOT_FOUND", "There is no such conversation.")
}

pub(crate) fn item_not_found() -> Error {
    Error::not_found("ITEM_NOT_FOUND", "There is no such message.")
}

pub(crate) fn unknown_cursor() -> Error {
    Error::invalid("UNKNOWN_CURSOR", "There is nothing to continue after: the cursor is unknown.")
}

pub(crate) fn invalid_thread_id() -> Error {
    Error::invalid("INVALID_THREAD_ID", "A thread id is \"thr_\" and 24 letters or digits.")
}

pub(crate) fn invalid_item_id() -> Error {
    Error::invalid("INVALID_ITEM_ID", "An item id is \"msg_\" and 24 letters or digits.")
}

/// Not a conflict: deciding again changes nothing.
pub(crate) fn item_exists() -> Error {
    Error::new(ErrorCode::AlreadyExists, "ITEM_EXISTS", "Another message has this id.")
}

impl From<AddError> for Error {
    fn from(error: AddError) -> Self {
        match error {
            AddError::NoThread => thread_not_found(),
            AddError::ItemExists => item_exists(),
            AddError::ThreadExists => {
                Self::new(ErrorCode::AlreadyExists, "THREAD_EXISTS", "Another conversation has this id.")
            }
        }
    }
}

impl From<TitleError> for Error {
    fn from(error: TitleError) -> Self {
        match error {
            TitleError::NoThread => thread_not_found(),
            TitleError::Invalid => Self::invalid("INVALID_TITLE", "A title has 1 to 200 characters."),
        }
    }
}

impl From<PayloadError> for Error {
    fn from(error: PayloadError) -> Self {
        match error {
            PayloadError::TooLarge => Self::invalid("PAYLOAD_TOO_LARGE", "A message takes at most 256 KiB.")
                .with("limit", MAX_PAYLOAD_BYTES.to_string()),
            PayloadError::NoObject => {
                Self::invalid("INVALID_PAYLOAD", "The payload of a message is a JSON object.")
            }
        }
    }
}
