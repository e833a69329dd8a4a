use api::events::identity::{Reauthenticated, SignInFailed, SignedIn, UserLocked};
use chrono::{DateTime, Utc};
use kernel::UserId;

use super::account::Event;
use super::lockout::{MAX_FAILURES, Verdict};

/// Where a password is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Path {
    SignIn,
    /// Within a session, before something that matters.
    Reauthentication,
}

/// A guess at the password of an account, or of an address without one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt<'a> {
    pub(crate) user: Option<&'a UserId>,
    pub(crate) path: Path,
    /// From a device on which the user signed in before: it has guesses of its own.
    pub(crate) known_device: bool,
}

impl Attempt<'_> {
    /// The events of a settled guess.
    pub(crate) fn settled(&self, verdict: Verdict, upgraded: bool) -> Vec<Event> {
        let unproven = if self.user.is_some() { "bad_password" } else { "unknown_user" };
        match (verdict, self.path) {
            (Verdict::SignedIn, Path::SignIn) => vec![self.signed_in(upgraded)],
            (Verdict::SignedIn, Path::Reauthentication) => {
                vec![Event::Reauthenticated(Reauthenticated { user_id: self.user_id() })]
            }
            (Verdict::Failed { failures }, _) => vec![self.failed(unproven, failures)],
            (Verdict::Locked { failures, until }, _) => {
                vec![self.failed(unproven, failures), self.locked(failures, until)]
            }
            (Verdict::Refused { .. }, _) => vec![self.refused("locked", MAX_FAILURES)],
        }
    }

    /// The event of a guess that was not looked at, or that did not help: locked | banned.
    pub(crate) fn refused(&self, reason: &str, failures: u32) -> Event {
        self.failed(reason, failures)
    }

    fn signed_in(&self, hash_upgraded: bool) -> Event {
        Event::SignedIn(SignedIn {
            user_id: self.user_id(),
            method: "password".to_owned(),
            provider_id: String::new(),
            hash_upgraded,
        })
    }

    fn failed(&self, reason: &str, consecutive_failures: u32) -> Event {
        Event::SignInFailed(SignInFailed {
            user_id: self.user_id(),
            reason: reason.to_owned(),
            consecutive_failures,
            path: match self.path {
                Path::SignIn => "sign_in".to_owned(),
                Path::Reauthentication => "reauthentication".to_owned(),
            },
        })
    }

    fn locked(&self, failures: u32, until: DateTime<Utc>) -> Event {
        Event::Locked(UserLocked {
            user_id: self.user_id(),
            until: Some(api::timestamp(until)),
            failures,
            known_device: self.known_device,
        })
    }

    fn user_id(&self) -> String {
        self.user.map(ToString::to_string).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fifth_failure_is_recorded_as_a_failure_and_a_lock() {
        let id = UserId::from("u1");
        let verdict = Verdict::Locked { failures: 5, until: DateTime::UNIX_EPOCH };
        let attempt = |user| Attempt { user, path: Path::SignIn, known_device: false };
        let known = attempt(Some(&id)).settled(verdict, false);
        let [Event::SignInFailed(failed), Event::Locked(locked)] = known.as_slice() else {
            panic!("{known:?}")
        };
        assert_eq!(
            (failed.reason.as_str(), failed.consecutive_failures, locked.failures),
            ("bad_password", 5, 5)
        );
        let unknown = attempt(None).settled(verdict, false);
        let [Event::SignInFailed(failed), _] = unknown.as_slice() else { panic!("{unknown:?}") };
        assert_eq!((failed.reason.as_str(), failed.user_id.as_str()), ("unknown_user", ""));
    }

    #[test]
    fn a_right_password_within_a_session_is_no_sign_in() {
        let id = UserId::from("u1");
        let attempt = Attempt { user: Some(&id), path: Path::Reauthentication, known_device: true };
        let events = attempt.settled(Verdict::SignedIn, false);
        assert!(matches!(events.as_slice(), [Event::Reauthenticated(_)]), "{events:?}");
        let events = attempt.settled(Verdict::Failed { failures: 1 }, false);
        let [Event::SignInFailed(failed)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!(failed.path, "reauthentication");
    }
}
