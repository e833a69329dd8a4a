use api::events::identity::{
    EmailVerified, SignInFailed, SignedIn, UserLocked, UserRegistered, VerificationRequested,
};
use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Role, UserId};

use super::email::EmailAddress;
use super::lockout::Verdict;
use super::profile::Origin;

/// Mails to one address are at least this far apart.
const MAIL_PAUSE: TimeDelta = TimeDelta::seconds(60);

kernel::events! {
    /// What happens to an account, or to an address that has none.
    pub(crate) enum Event {
        Registered(UserRegistered) = "user.registered" @ 1,
        VerificationRequested(VerificationRequested) = "user.verification_requested" @ 1,
        EmailVerified(EmailVerified) = "user.email_verified" @ 1,
        SignedIn(SignedIn) = "user.signed_in" @ 1,
        SignInFailed(SignInFailed) = "user.sign_in_failed" @ 1,
        Locked(UserLocked) = "user.locked" @ 1,
    }
}

/// How an account came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// Its owner signed up with a password.
    Password,
    /// An operator made it, and may vouch for the address.
    Operator,
}

/// A user as callers see one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) id: UserId,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) image: Option<String>,
    pub(crate) role: Role,
    pub(crate) email_verified: bool,
    /// When a verification mail was last asked for.
    pub(crate) mail_asked_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

impl Account {
    pub(crate) fn stream(&self) -> String {
        stream(&self.id)
    }
}

/// The stream of an account.
pub(crate) fn stream(id: &UserId) -> String {
    format!("user-{id}")
}

/// The account's first event and, unless an operator made it, the request for its first mail.
pub(crate) fn decide_register(account: &Account, method: Method, origin: &Origin) -> Vec<Event> {
    let registered = Event::Registered(UserRegistered {
        user_id: account.id.to_string(),
        email: account.email.clone(),
        name: account.name.clone(),
        role: account.role.to_string(),
        method: match method {
            Method::Password => "password".to_owned(),
            Method::Operator => "operator".to_owned(),
        },
        ip: origin.ip.clone(),
        user_agent: origin.user_agent.clone(),
        email_verified: account.email_verified,
    });
    match method {
        Method::Password => vec![registered, verification_requested(account, origin)],
        Method::Operator => vec![registered],
    }
}

/// Nothing for a verified address, nor too soon after the last mail.
pub(crate) fn decide_request_verification(
    account: &Account,
    origin: &Origin,
    now: DateTime<Utc>,
) -> Option<Event> {
    let too_soon = account.mail_asked_at.is_some_and(|at| now - at < MAIL_PAUSE);
    (!account.email_verified && !too_soon).then(|| verification_requested(account, origin))
}

fn verification_requested(account: &Account, origin: &Origin) -> Event {
    Event::VerificationRequested(VerificationRequested {
        user_id: account.id.to_string(),
        email: account.email.clone(),
        ip: origin.ip.clone(),
        user_agent: origin.user_agent.clone(),
    })
}

/// Opening the link again is no news.
pub(crate) fn decide_verify(account: &Account, origin: &Origin) -> Option<Event> {
    (!account.email_verified).then(|| {
        Event::EmailVerified(EmailVerified {
            user_id: account.id.to_string(),
            email: account.email.clone(),
            ip: origin.ip.clone(),
            user_agent: origin.user_agent.clone(),
        })
    })
}

/// Who tries to sign in: an account, or an address without one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt<'a> {
    pub(crate) user: Option<&'a UserId>,
    pub(crate) email: &'a EmailAddress,
    pub(crate) origin: &'a Origin,
}

impl Attempt<'_> {
    /// The events of a settled guess.
    pub(crate) fn settled(&self, verdict: Verdict) -> Vec<Event> {
        let unproven = if self.user.is_some() { "bad_password" } else { "unknown_user" };
        match verdict {
            Verdict::SignedIn => vec![self.signed_in()],
            Verdict::Failed { failures } => vec![self.failed(unproven, failures)],
            Verdict::Locked { failures, until } => {
                vec![self.failed(unproven, failures), self.locked(failures, until)]
            }
            Verdict::Refused { .. } => vec![self.refused(super::lockout::MAX_FAILURES)],
        }
    }

    /// The event of a guess that was not looked at.
    pub(crate) fn refused(&self, failures: u32) -> Event {
        self.failed("locked", failures)
    }

    fn signed_in(&self) -> Event {
        Event::SignedIn(SignedIn {
            user_id: self.user_id(),
            email: self.email.to_string(),
            method: "password".to_owned(),
            ip: self.origin.ip.clone(),
            user_agent: self.origin.user_agent.clone(),
        })
    }

    fn failed(&self, reason: &str, consecutive_failures: u32) -> Event {
        Event::SignInFailed(SignInFailed {
            user_id: self.user_id(),
            email: self.email.to_string(),
            reason: reason.to_owned(),
            ip: self.origin.ip.clone(),
            user_agent: self.origin.user_agent.clone(),
            consecutive_failures,
        })
    }

    fn locked(&self, failures: u32, until: DateTime<Utc>) -> Event {
        Event::Locked(UserLocked {
            user_id: self.user_id(),
            email: self.email.to_string(),
            until: Some(api::timestamp(until)),
            failures,
            ip: self.origin.ip.clone(),
            user_agent: self.origin.user_agent.clone(),
        })
    }

    fn user_id(&self) -> String {
        self.user.map(ToString::to_string).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        let at = DateTime::UNIX_EPOCH;
        Account {
            id: UserId::from("u1"),
            email: "ada@example.com".to_owned(),
            name: "Ada".to_owned(),
            image: None,
            role: Role::Student,
            email_verified: false,
            mail_asked_at: None,
            created_at: at,
            updated_at: at,
        }
    }

    #[test]
    fn who_signs_up_is_unverified_and_gets_a_mail() {
        let events = decide_register(&account(), Method::Password, &Origin::default());
        let [Event::Registered(registered), Event::VerificationRequested(_)] = events.as_slice() else {
            panic!("{events:?}");
        };
        assert_eq!((registered.method.as_str(), registered.email_verified), ("password", false));
    }

    #[test]
    fn an_operator_may_vouch_for_the_address() {
        let vouched = Account { email_verified: true, ..account() };
        let events = decide_register(&vouched, Method::Operator, &Origin::default());
        let [Event::Registered(registered)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!((registered.method.as_str(), registered.email_verified), ("operator", true));
    }

    #[test]
    fn mails_are_a_minute_apart_and_end_with_the_verification() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::seconds(60);
        let asked = |seconds| Account { mail_asked_at: Some(now - TimeDelta::seconds(seconds)), ..account() };
        let decide =
            |account: &Account| decide_request_verification(account, &Origin::default(), now).is_some();
        assert!(decide(&account()));
        assert!(!decide(&asked(59)));
        assert!(decide(&asked(60)));
        assert!(!decide(&Account { email_verified: true, ..account() }));
    }

    #[test]
    fn a_verified_address_is_not_verified_again() {
        assert!(decide_verify(&account(), &Origin::default()).is_some());
        assert!(decide_verify(&Account { email_verified: true, ..account() }, &Origin::default()).is_none());
    }

    #[test]
    fn the_fifth_failure_is_recorded_as_a_failure_and_a_lock() {
        let id = UserId::from("u1");
        let email = EmailAddress::parse("ada@example.com").unwrap();
        let origin = Origin::default();
        let verdict = Verdict::Locked { failures: 5, until: DateTime::UNIX_EPOCH };
        let known = Attempt { user: Some(&id), email: &email, origin: &origin }.settled(verdict);
        let [Event::SignInFailed(failed), Event::Locked(locked)] = known.as_slice() else {
            panic!("{known:?}")
        };
        assert_eq!(
            (failed.reason.as_str(), failed.consecutive_failures, locked.failures),
            ("bad_password", 5, 5)
        );
        let unknown = Attempt { user: None, email: &email, origin: &origin }.settled(verdict);
        let [Event::SignInFailed(failed), _] = unknown.as_slice() else { panic!("{unknown:?}") };
        assert_eq!((failed.reason.as_str(), failed.user_id.as_str()), ("unknown_user", ""));
    }
}
