use chrono::TimeDelta;
use kernel::Error;

use crate::error;

/// How long things last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// ACCESS_TOKEN_HOURS, 1 to 24. No token outlives its session.
    pub access_token_hours: u32,
    /// SESSION_DAYS, 1 to 365: since the last use, of a session that is remembered.
    pub session_days: u32,
    /// KEY_ROTATION_DAYS, 1 to 3650: the age at which a signing key gets a successor.
    pub key_rotation_days: u32,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { access_token_hours: 6, session_days: 7, key_rotation_days: 90 }
    }
}

impl Lifetimes {
    /// # Errors
    /// `INVALID_OPTIONS` names the one that is out of range.
    pub fn check(self) -> Result<(), Error> {
        for (name, value, most) in [
            ("ACCESS_TOKEN_HOURS", self.access_token_hours, 24),
            ("SESSION_DAYS", self.session_days, 365),
            ("KEY_ROTATION_DAYS", self.key_rotation_days, 3650),
        ] {
            if value == 0 || value > most {
                return Err(error::invalid_options(format!("{name} is {value}: 1 to {most} can be used")));
            }
        }
        Ok(())
    }

    pub(crate) fn access_token(self) -> TimeDelta {
        TimeDelta::hours(self.access_token_hours.into())
    }

    pub(crate) fn session(self) -> TimeDelta {
        TimeDelta::days(self.session_days.into())
    }

    pub(crate) fn key_rotation(self) -> TimeDelta {
        TimeDelta::days(self.key_rotation_days.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_out_of_range_are_refused_by_name() {
        assert_eq!(Lifetimes::default().check(), Ok(()));
        for (wrong, name) in [
            (Lifetimes { access_token_hours: 0, ..Lifetimes::default() }, "ACCESS_TOKEN_HOURS"),
            (Lifetimes { session_days: 366, ..Lifetimes::default() }, "SESSION_DAYS"),
            (Lifetimes { key_rotation_days: u32::MAX, ..Lifetimes::default() }, "KEY_ROTATION_DAYS"),
        ] {
            assert!(wrong.check().unwrap_err().message.starts_with(name));
        }
    }
}
