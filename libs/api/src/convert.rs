use chrono::{DateTime, Utc};
use kernel::{Error, Role, rfc3339_millis};
use prost_types::Timestamp;

use crate::common;

/// A time as protobuf carries it.
pub fn timestamp(at: DateTime<Utc>) -> Timestamp {
    Timestamp { seconds: at.timestamp(), nanos: i32::try_from(at.timestamp_subsec_nanos()).unwrap_or(0) }
}

pub fn timestamp_opt(at: Option<DateTime<Utc>>) -> Option<Timestamp> {
    at.map(timestamp)
}

/// A time that must be there.
///
/// # Errors
/// `InvalidArgument` (`INVALID_TIMESTAMP`) when absent or out of range.
pub fn time(at: Option<&Timestamp>) -> Result<DateTime<Utc>, Error> {
    time_opt(at)?.ok_or_else(|| Error::invalid("INVALID_TIMESTAMP", "a timestamp is missing"))
}

/// # Errors
/// `InvalidArgument` (`INVALID_TIMESTAMP`) when out of range.
pub fn time_opt(at: Option<&Timestamp>) -> Result<Option<DateTime<Utc>>, Error> {
    let Some(at) = at else { return Ok(None) };
    u32::try_from(at.nanos)
        .ok()
        .and_then(|nanos| DateTime::from_timestamp(at.seconds, nanos))
        .map(Some)
        .ok_or_else(|| Error::invalid("INVALID_TIMESTAMP", "a timestamp is out of range"))
}

/// The form of a time on every HTTP interface; empty for a time out of range.
pub fn millis(at: Option<&Timestamp>) -> String {
    time(at).map(rfc3339_millis).unwrap_or_default()
}

pub fn millis_opt(at: Option<&Timestamp>) -> Option<String> {
    time(at).ok().map(rfc3339_millis)
}

impl From<Role> for common::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::Student => Self::Student,
            Role::Instructor => Self::Instructor,
            Role::Admin => Self::Admin,
        }
    }
}

impl common::Role {
    /// An unset or unknown role is the least one.
    pub fn to_kernel(self) -> Role {
        match self {
            Self::Unspecified | Self::Student => Role::Student,
            Self::Instructor => Role::Instructor,
            Self::Admin => Role::Admin,
        }
    }
}
