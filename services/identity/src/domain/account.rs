use api::common::Personal;
use api::events::identity as wire;
use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Role, UserId};

use super::profile::Origin;

/// Mails of one kind to one address are at least this far apart.
const MAIL_PAUSE: TimeDelta = TimeDelta::seconds(60);
/// Changes of the address are at least this far apart: each mails somebody.
const CHANGE_PAUSE: TimeDelta = TimeDelta::seconds(10);

kernel::events! {
    /// What happens to an account, or to an address that has none.
    pub(crate) enum Event {
        Registered(wire::UserRegistered) = "user.registered" @ 1,
        VerificationRequested(wire::VerificationRequested) = "user.verification_requested" @ 1,
        EmailVerified(wire::EmailVerified) = "user.email_verified" @ 1,
        SignedIn(wire::SignedIn) = "user.signed_in" @ 1,
        Reauthenticated(wire::Reauthenticated) = "user.reauthenticated" @ 1,
        SignInFailed(wire::SignInFailed) = "user.sign_in_failed" @ 1,
        Locked(wire::UserLocked) = "user.locked" @ 1,
        Unlocked(wire::UserUnlocked) = "user.unlocked" @ 1,
        PasswordResetRequested(wire::PasswordResetRequested) = "user.password_reset_requested" @ 1,
        PasswordReset(wire::PasswordReset) = "user.password_reset" @ 1,
        PasswordChanged(wire::PasswordChanged) = "user.password_changed" @ 1,
        EmailChangeRequested(wire::EmailChangeRequested) = "user.email_change_requested" @ 1,
        EmailChanged(wire::EmailChanged) = "user.email_changed" @ 1,
        ProfileChanged(wire::ProfileChanged) = "user.profile_changed" @ 1,
        AccountLinked(wire::AccountLinked) = "user.account_linked" @ 1,
        AccountUnlinked(wire::AccountUnlinked) = "user.account_unlinked" @ 1,
        RoleAssigned(wire::RoleAssigned) = "user.role_assigned" @ 1,
        Banned(wire::UserBanned) = "user.banned" @ 1,
        Unbanned(wire::UserUnbanned) = "user.unbanned" @ 1,
        SessionsEnded(wire::AllSessionsEnded) = "user.sessions_ended" @ 1,
        DeletionRequested(wire::DeletionRequested) = "user.deletion_requested" @ 1,
        Erased(wire::UserErased) = "user.erased" @ 1,
    }
}

/// How an account came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method<'a> {
    /// Its owner signed up with a password.
    Password,
    /// An operator made it on the command line, and may vouch for the address.
    Operator,
    /// An administrator made it.
    Admin,
    /// Its owner came from another provider.
    Social { provider: &'a str },
}

/// Who does something to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    User,
    Admin,
}

impl By {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}

/// A ban as it was pronounced; it may have run out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ban {
    pub(crate) reason: String,
    /// None: for good.
    pub(crate) expires: Option<DateTime<Utc>>,
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
    pub(crate) ban: Option<Ban>,
    /// Sessions started in an earlier epoch are dead, but for the spared one.
    pub(crate) session_epoch: u64,
    pub(crate) spared_session: Option<String>,
    /// Changes of the address that were asked for in an earlier one are void.
    pub(crate) pending_epoch: u64,
    /// In which the owner of the present address agreed to a change; none: in none.
    pub(crate) agreed_epoch: Option<u64>,
    /// Devices that became known in an earlier one are strangers'.
    pub(crate) device_epoch: u64,
    /// When the account moved to its address; none: it began there.
    pub(crate) email_changed_at: Option<DateTime<Utc>>,
    /// When a mail that proves an address was last asked for.
    pub(crate) mail_asked_at: Option<DateTime<Utc>>,
    /// When a mail that resets the password was last asked for.
    pub(crate) reset_asked_at: Option<DateTime<Utc>>,
    /// When another address was last asked for.
    pub(crate) change_asked_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

impl Account {
    /// A new student whom nobody vouches for.
    pub(crate) fn new(id: UserId, email: String, name: String, now: DateTime<Utc>) -> Self {
        Self {
            id,
            email,
            name,
            image: None,
            role: Role::Student,
            email_verified: false,
            ban: None,
            session_epoch: 1,
            spared_session: None,
            pending_epoch: 1,
            agreed_epoch: None,
            device_epoch: 1,
            email_changed_at: None,
            mail_asked_at: None,
            reset_asked_at: None,
            change_asked_at: None,
            created_at: now,
            updated_at: now,
        }
    }

    pub(crate) fn stream(&self) -> String {
        stream(&self.id)
    }

    /// The ban that holds now.
    pub(crate) fn banned(&self, now: DateTime<Utc>) -> Option<&Ban> {
        self.ban.as_ref().filter(|ban| ban.expires.is_none_or(|expires| expires > now))
    }

    /// Ends all sessions but the spared one.
    #[must_use]
    pub(crate) fn end_sessions(self, spared: Option<String>) -> Self {
        let (session_epoch, pending_epoch) = (self.session_epoch + 1, self.pending_epoch + 1);
        Self { session_epoch, pending_epoch, spared_session: spared, ..self }
    }

    /// The password becomes another one: whoever knew the former one knows no device any more.
    #[must_use]
    pub(crate) fn forget_devices(self) -> Self {
        Self { device_epoch: self.device_epoch + 1, ..self }
    }

    /// Another address is asked for, and what was asked for before is void.
    #[must_use]
    pub(crate) fn asks_for_address(self, now: DateTime<Utc>) -> Self {
        Self { pending_epoch: self.pending_epoch + 1, change_asked_at: Some(now), ..self }
    }

    /// The owner of the present address agrees to what is pending.
    #[must_use]
    pub(crate) fn agrees_to_change(self) -> Self {
        Self { agreed_epoch: Some(self.pending_epoch), ..self }
    }

    /// Was it agreed to already? Who opens the link again, or has it opened by a scanner, sends no
    /// second mail.
    pub(crate) fn has_agreed(&self) -> bool {
        self.agreed_epoch == Some(self.pending_epoch)
    }

    /// Somebody proved the address. What was asked for while nobody had is void: it may have been
    /// somebody else.
    #[must_use]
    pub(crate) fn proven(self, now: DateTime<Utc>) -> Self {
        let pending_epoch = self.pending_epoch + u64::from(!self.email_verified);
        Self { email_verified: true, pending_epoch, updated_at: now, ..self }
    }

    /// The account moves to another address.
    #[must_use]
    pub(crate) fn moved(self, email: String, now: DateTime<Utc>) -> Self {
        let pending_epoch = self.pending_epoch + 1;
        Self { email, pending_epoch, email_changed_at: Some(now), updated_at: now, ..self }
    }

    /// What an event about this account says of the person, beside who asked from where.
    pub(crate) fn personal(&self, origin: &Origin) -> Personal {
        Personal {
            email: self.email.clone(),
            ip: origin.ip.clone(),
            user_agent: origin.user_agent.clone(),
            ..Personal::default()
        }
    }

    /// The same with what a profile holds.
    pub(crate) fn profile(&self, origin: &Origin) -> Personal {
        Personal {
            name: self.name.clone(),
            image: self.image.clone().unwrap_or_default(),
            ..self.personal(origin)
        }
    }

    /// May another address be asked for? Who mistyped the first one corrects it soon.
    pub(crate) fn may_change_address(&self, now: DateTime<Utc>) -> bool {
        self.change_asked_at.is_none_or(|at| now - at >= CHANGE_PAUSE)
    }

    /// May another mail of a kind go out that was last asked for at `last`?
    pub(crate) fn may_mail(last: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
        last.is_none_or(|at| now - at >= MAIL_PAUSE)
    }
}

/// The stream of an account.
pub(crate) fn stream(id: &UserId) -> String {
    format!("user-{id}")
}

/// The account's first event and, for those who sign up with a password, the request for its first
/// mail.
pub(crate) fn decide_register(account: &Account, method: Method<'_>) -> Vec<Event> {
    let (name, provider) = match method {
        Method::Password => ("password", ""),
        Method::Operator => ("operator", ""),
        Method::Admin => ("admin", ""),
        Method::Social { provider } => ("social", provider),
    };
    let registered = Event::Registered(wire::UserRegistered {
        user_id: account.id.to_string(),
        role: account.role.to_string(),
        method: name.to_owned(),
        email_verified: account.email_verified,
        provider_id: provider.to_owned(),
    });
    match method {
        Method::Password => vec![registered, verification_requested(account)],
        Method::Operator | Method::Admin | Method::Social { .. } => vec![registered],
    }
}

/// Nothing for a verified address, nor too soon after the last mail.
pub(crate) fn decide_request_verification(account: &Account, now: DateTime<Utc>) -> Option<Event> {
    let may = !account.email_verified && Account::may_mail(account.mail_asked_at, now);
    may.then(|| verification_requested(account))
}

fn verification_requested(account: &Account) -> Event {
    Event::VerificationRequested(wire::VerificationRequested { user_id: account.id.to_string() })
}

/// Proving the address again is no news. `method`: mail | reset | social | admin.
pub(crate) fn decide_verify(account: &Account, method: &str) -> Option<Event> {
    (!account.email_verified).then(|| {
        Event::EmailVerified(wire::EmailVerified {
            user_id: account.id.to_string(),
            method: method.to_owned(),
        })
    })
}

/// Lifts a ban that ran out.
pub(crate) fn decide_lift_expired_ban(account: &Account, now: DateTime<Utc>) -> Option<Event> {
    (account.ban.is_some() && account.banned(now).is_none()).then(|| {
        Event::Unbanned(wire::UserUnbanned { user_id: account.id.to_string(), reason: "expired".to_owned() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account() -> Account {
        let at = DateTime::UNIX_EPOCH;
        Account::new(UserId::from("u1"), "ada@example.com".to_owned(), "Ada".to_owned(), at)
    }

    #[test]
    fn who_signs_up_is_unverified_and_gets_a_mail() {
        let events = decide_register(&account(), Method::Password);
        let [Event::Registered(registered), Event::VerificationRequested(_)] = events.as_slice() else {
            panic!("{events:?}");
        };
        assert_eq!((registered.method.as_str(), registered.email_verified), ("password", false));
    }

    #[test]
    fn an_operator_may_vouch_for_the_address() {
        let vouched = Account { email_verified: true, ..account() };
        let events = decide_register(&vouched, Method::Operator);
        let [Event::Registered(registered)] = events.as_slice() else { panic!("{events:?}") };
        assert_eq!((registered.method.as_str(), registered.email_verified), ("operator", true));
    }

    #[test]
    fn mails_are_a_minute_apart_and_end_with_the_verification() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::seconds(60);
        let asked = |seconds| Account { mail_asked_at: Some(now - TimeDelta::seconds(seconds)), ..account() };
        let decide = |account: &Account| decide_request_verification(account, now).is_some();
        assert!(decide(&account()));
        assert!(!decide(&asked(59)));
        assert!(decide(&asked(60)));
        assert!(!decide(&Account { email_verified: true, ..account() }));
    }

    #[test]
    fn a_verified_address_is_not_verified_again() {
        assert!(decide_verify(&account(), "mail").is_some());
        assert!(decide_verify(&Account { email_verified: true, ..account() }, "mail").is_none());
    }

    #[test]
    fn a_ban_holds_until_its_end_and_is_lifted_then() {
        let end = DateTime::UNIX_EPOCH + TimeDelta::hours(1);
        let banned = |expires| Account { ban: Some(Ban { reason: String::new(), expires }), ..account() };
        let before = end - TimeDelta::microseconds(1);
        assert!(banned(None).banned(end).is_some());
        assert!(banned(Some(end)).banned(before).is_some());
        assert!(banned(Some(end)).banned(end).is_none());
        assert!(decide_lift_expired_ban(&banned(Some(end)), before).is_none());
        assert!(decide_lift_expired_ban(&banned(Some(end)), end).is_some());
        assert!(decide_lift_expired_ban(&account(), end).is_none());
    }

    #[test]
    fn events_hold_nothing_personal() {
        let account = Account { image: Some("https://example.com/ada.png".to_owned()), ..account() };
        for event in decide_register(&account, Method::Password) {
            let text = format!("{event:?}");
            assert!(!text.contains("ada") && !text.contains("Ada"), "{text}");
        }
    }
}
