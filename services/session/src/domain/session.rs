use api::common::{Personal, Role};
use api::events::session::{
    AccessTokenIssued, ImpersonationEnded, ImpersonationStarted, SessionProlonged, SessionRevoked,
    SessionStarted,
};
use api::identity::User;
use chrono::{DateTime, TimeDelta, Utc};
use kernel::{SessionId, UserId};

/// Of a session that ends with the browser's.
const SHORT_LIFETIME: TimeDelta = TimeDelta::days(1);
/// Of a session in which an administrator acts as the user.
const IMPERSONATION_LIFETIME: TimeDelta = TimeDelta::hours(1);
/// A session in use is prolonged at most once in this time.
const PROLONG_EVERY: TimeDelta = TimeDelta::days(1);

const MAX_USER_AGENT_BYTES: usize = 512;
const MAX_IP_BYTES: usize = 64;

/// Why a session may be revoked on a caller's word; what identity ends has reasons of its own.
const REASONS: [&str; 10] = [
    SIGN_OUT,
    REVOKED,
    ADMIN,
    IMPERSONATION_ENDED,
    "password_reset",
    "password_changed",
    "banned",
    "role_assigned",
    "sessions_ended",
    "erased",
];
pub(crate) const SIGN_OUT: &str = "sign_out";
pub(crate) const REVOKED: &str = "revoked";
pub(crate) const ADMIN: &str = "admin";
pub(crate) const IMPERSONATION_ENDED: &str = "impersonation_ended";

kernel::events! {
    /// What happens to a session.
    pub(crate) enum Event {
        Started(SessionStarted) = "session.started" @ 1,
        Prolonged(SessionProlonged) = "session.prolonged" @ 1,
        Revoked(SessionRevoked) = "session.revoked" @ 1,
        ImpersonationStarted(ImpersonationStarted) = "session.impersonation_started" @ 1,
        ImpersonationEnded(ImpersonationEnded) = "session.impersonation_ended" @ 1,
        /// Of former releases.
        AccessTokenIssued(AccessTokenIssued) = "session.access_token_issued" @ 1,
    }
}

/// Where a request came from, cut to what is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) ip: String,
    pub(crate) user_agent: String,
}

impl Origin {
    pub(crate) fn new(ip: &str, user_agent: &str) -> Self {
        let cut = |text: &str, bytes: usize| text[..text.floor_char_boundary(bytes)].to_owned();
        Self { ip: cut(ip, MAX_IP_BYTES), user_agent: cut(user_agent, MAX_USER_AGENT_BYTES) }
    }

    pub(crate) fn personal(&self) -> Personal {
        Personal { ip: self.ip.clone(), user_agent: self.user_agent.clone(), ..Personal::default() }
    }
}

/// An administrator acts as the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Impersonation {
    pub(crate) admin_id: UserId,
    /// The administrator's own session.
    pub(crate) session_id: SessionId,
    /// When that one ends; none once it was revoked or is gone.
    pub(crate) until: Option<DateTime<Utc>>,
    /// The epoch that one started in.
    pub(crate) epoch: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) user_id: UserId,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) remember: bool,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
    /// The user's session epoch when it started.
    pub(crate) epoch: u64,
    pub(crate) impersonation: Option<Impersonation>,
}

/// What starts.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    pub(crate) id: SessionId,
    pub(crate) user: &'a User,
    pub(crate) remember: bool,
    /// In which the user proved who they are; unused when impersonated.
    pub(crate) epoch: u64,
    pub(crate) impersonation: Option<Impersonation>,
    /// Of a session that is remembered.
    pub(crate) lifetime: TimeDelta,
}

/// Why no session starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Banned,
    /// The target is an administrator.
    Administrator,
    /// The administrator's own session has ended.
    Ended,
    /// The user's sessions were ended since they proved who they are.
    Outdated,
}

impl Session {
    pub(crate) fn stream(&self) -> String {
        stream(&self.id)
    }

    /// Neither revoked nor expired; says nothing of an administrator's session behind it.
    pub(crate) fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }

    /// Open, and so is the administrator's session behind it, if any.
    pub(crate) fn is_live(&self, now: DateTime<Utc>) -> bool {
        let impersonated = self.impersonation.as_ref();
        self.is_open(now) && impersonated.is_none_or(|by| by.until.is_some_and(|until| now < until))
    }

    /// Whether the user, as identity knows them now, still has this session.
    pub(crate) fn is_of(&self, user: &User) -> bool {
        still_has(user, &self.id, self.epoch)
    }

    /// Who uses it: the user, or the administrator who acts as the user.
    pub(crate) fn person(&self) -> &UserId {
        self.impersonation.as_ref().map_or(&self.user_id, |by| &by.admin_id)
    }

    pub(crate) fn prolonged(self, expires_at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self { expires_at, updated_at: now, ..self }
    }

    fn names(&self) -> (String, String) {
        (self.id.to_string(), self.user_id.to_string())
    }
}

impl Impersonation {
    /// Whether the one behind it still is an administrator, and their session theirs.
    pub(crate) fn is_of(&self, admin: &User) -> bool {
        admin.role() == Role::Admin && still_has(admin, &self.session_id, self.epoch)
    }
}

/// A session ends with its user's epoch, but for the one that was spared.
pub(crate) fn still_has(user: &User, id: &SessionId, epoch: u64) -> bool {
    let spared = !user.spared_session_id.is_empty() && user.spared_session_id == id.as_str();
    !user.banned && (epoch == user.session_epoch || spared)
}

pub(crate) fn stream(id: &SessionId) -> String {
    format!("session-{id}")
}

pub(crate) fn is_reason(text: &str) -> bool {
    REASONS.contains(&text)
}

/// A session for whom identity has authenticated, or for an administrator in the user's place.
pub(crate) fn decide_start(start: Start<'_>, now: DateTime<Utc>) -> Result<(Session, Vec<Event>), Refusal> {
    let Start { id, user, remember, epoch, impersonation, lifetime } = start;
    if user.banned {
        return Err(Refusal::Banned);
    }
    if impersonation.is_some() && user.role() == Role::Admin {
        return Err(Refusal::Administrator);
    }
    if impersonation.is_none() && epoch != user.session_epoch {
        return Err(Refusal::Outdated);
    }
    let expires_at = match &impersonation {
        Some(by) => by.until.ok_or(Refusal::Ended)?.min(now + IMPERSONATION_LIFETIME),
        None if remember => now + lifetime,
        None => now + SHORT_LIFETIME,
    };
    let session = Session {
        id,
        user_id: UserId::from(user.id.as_str()),
        expires_at,
        created_at: now,
        updated_at: now,
        remember: remember && impersonation.is_none(),
        revoked_at: None,
        epoch: user.session_epoch,
        impersonation,
    };
    let (session_id, user_id) = session.names();
    let admin = session.impersonation.as_ref();
    let mut events = vec![Event::Started(SessionStarted {
        session_id: session_id.clone(),
        user_id: user_id.clone(),
        expires_at: Some(api::timestamp(expires_at)),
        remember: session.remember,
        impersonated_by: admin.map(|by| by.admin_id.to_string()).unwrap_or_default(),
    })];
    events.extend(admin.map(|by| {
        Event::ImpersonationStarted(ImpersonationStarted {
            session_id,
            user_id,
            admin_id: by.admin_id.to_string(),
            admin_session_id: by.session_id.to_string(),
        })
    }));
    Ok((session, events))
}

/// The new end of a session that is in use and was not prolonged lately.
pub(crate) fn decide_prolong(
    session: &Session,
    lifetime: TimeDelta,
    now: DateTime<Utc>,
) -> Option<(DateTime<Utc>, Event)> {
    let due = session.updated_at + PROLONG_EVERY.min(lifetime / 2) <= now;
    let prolongable = session.remember && session.impersonation.is_none();
    let expires_at = now + lifetime;
    (session.is_live(now) && prolongable && due).then(|| {
        let (session_id, user_id) = session.names();
        let event = SessionProlonged { session_id, user_id, expires_at: Some(api::timestamp(expires_at)) };
        (expires_at, Event::Prolonged(event))
    })
}

/// Nothing where there is nothing left to revoke.
pub(crate) fn decide_revoke(session: &Session, reason: &str, now: DateTime<Utc>) -> Option<Vec<Event>> {
    session.is_open(now).then(|| {
        let (session_id, user_id) = session.names();
        let ended = session.impersonation.as_ref().map(|by| {
            Event::ImpersonationEnded(ImpersonationEnded {
                session_id: session_id.clone(),
                user_id: user_id.clone(),
                admin_id: by.admin_id.to_string(),
            })
        });
        let revoked = Event::Revoked(SessionRevoked {
            session_id: session_id.clone(),
            user_id: user_id.clone(),
            reason: reason.to_owned(),
        });
        std::iter::once(revoked).chain(ended).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: DateTime<Utc> = DateTime::UNIX_EPOCH;
    const WEEK: TimeDelta = TimeDelta::days(7);

    fn user(role: Role, session_epoch: u64) -> User {
        User { id: "u1".to_owned(), role: role.into(), session_epoch, ..User::default() }
    }

    fn by_admin(until: Option<DateTime<Utc>>) -> Impersonation {
        let (admin_id, session_id) = (UserId::from("a1"), SessionId::from("s0"));
        Impersonation { admin_id, session_id, until, epoch: 1 }
    }

    fn start(
        user: &User,
        remember: bool,
        impersonation: Option<Impersonation>,
    ) -> Result<(Session, Vec<Event>), Refusal> {
        let id = SessionId::from("s1");
        let epoch = user.session_epoch;
        decide_start(Start { id, user, remember, epoch, impersonation, lifetime: WEEK }, START)
    }

    fn given(remember: bool) -> Session {
        start(&user(Role::Student, 1), remember, None).unwrap().0
    }

    #[test]
    fn a_session_lives_seven_days_or_one_when_not_remembered() {
        for (remember, days) in [(true, 7), (false, 1)] {
            let session = given(remember);
            let end = START + TimeDelta::days(days);
            assert!(session.is_live(end - TimeDelta::microseconds(1)));
            assert!(!session.is_live(end));
        }
    }

    #[test]
    fn a_session_in_use_is_prolonged_once_a_day() {
        let session = given(true);
        let day = START + TimeDelta::days(1);
        assert_eq!(decide_prolong(&session, WEEK, day - TimeDelta::microseconds(1)), None);
        let (expires_at, _) = decide_prolong(&session, WEEK, day).unwrap();
        assert_eq!(expires_at, day + WEEK);
        let session = session.prolonged(expires_at, day);
        assert_eq!(decide_prolong(&session, WEEK, day + TimeDelta::hours(23)), None);
        assert!(decide_prolong(&session, WEEK, day + TimeDelta::hours(24)).is_some());
    }

    #[test]
    fn a_session_of_one_day_is_prolonged_after_half_of_it() {
        let user = user(Role::Student, 1);
        let (remember, impersonation, lifetime) = (true, None, TimeDelta::days(1));
        let id = SessionId::from("s1");
        let start = Start { id, user: &user, remember, epoch: user.session_epoch, impersonation, lifetime };
        let (session, _) = decide_start(start, START).unwrap();
        assert_eq!(decide_prolong(&session, lifetime, START + TimeDelta::hours(11)), None);
        assert!(decide_prolong(&session, lifetime, START + TimeDelta::hours(12)).is_some());
    }

    #[test]
    fn a_session_that_is_not_remembered_is_never_prolonged() {
        assert_eq!(decide_prolong(&given(false), WEEK, START + TimeDelta::hours(23)), None);
    }

    #[test]
    fn nothing_happens_to_a_session_that_ended() {
        let now = START + TimeDelta::days(2);
        let revoked = Session { revoked_at: Some(START), ..given(true) };
        for ended in [revoked, given(false)] {
            assert_eq!(decide_prolong(&ended, WEEK, now), None);
            assert_eq!(decide_revoke(&ended, SIGN_OUT, now), None);
        }
        assert!(decide_revoke(&given(true), SIGN_OUT, now).is_some());
    }

    #[test]
    fn nobody_who_is_banned_gets_a_session() {
        let banned = User { banned: true, ..user(Role::Student, 1) };
        assert_eq!(start(&banned, true, None), Err(Refusal::Banned));
        assert_eq!(start(&banned, true, Some(by_admin(Some(START + WEEK)))), Err(Refusal::Banned));
    }

    #[test]
    fn a_session_belongs_to_its_users_epoch_unless_it_is_spared() {
        let session = given(true);
        assert!(session.is_of(&user(Role::Student, 1)));
        assert!(!session.is_of(&user(Role::Student, 2)));
        assert!(!session.is_of(&user(Role::Student, 0)));
        let spared = User { spared_session_id: "s1".to_owned(), ..user(Role::Student, 2) };
        assert!(session.is_of(&spared));
        assert!(!session.is_of(&User { banned: true, ..spared }));
        let none = Session { id: SessionId::from(""), ..session };
        assert!(!none.is_of(&user(Role::Student, 2)), "no session is spared by no id");
    }

    #[test]
    fn an_impersonated_session_lives_an_hour_at_most_and_no_longer_than_the_administrators() {
        let student = user(Role::Student, 1);
        let minutes = |minutes| START + TimeDelta::minutes(minutes);
        for (until, end) in [(minutes(600), minutes(60)), (minutes(30), minutes(30))] {
            let (session, events) = start(&student, true, Some(by_admin(Some(until)))).unwrap();
            assert_eq!((session.expires_at, session.remember), (end, false));
            assert_eq!(session.person().as_str(), "a1");
            assert_eq!(events.len(), 2);
            assert_eq!(decide_prolong(&session, WEEK, end - TimeDelta::seconds(1)), None);
            let orphaned = Session { impersonation: Some(by_admin(None)), ..session };
            assert!(!orphaned.is_live(START) && orphaned.is_open(START));
            assert_eq!(decide_revoke(&orphaned, IMPERSONATION_ENDED, START).unwrap().len(), 2);
        }
        assert_eq!(start(&student, true, Some(by_admin(None))), Err(Refusal::Ended));
        let admin = user(Role::Admin, 1);
        assert_eq!(start(&admin, true, Some(by_admin(Some(minutes(30))))), Err(Refusal::Administrator));
    }

    #[test]
    fn whoever_is_no_administrator_any_more_impersonates_nobody() {
        let by = by_admin(Some(START + WEEK));
        assert!(by.is_of(&user(Role::Admin, 1)));
        assert!(!by.is_of(&user(Role::Instructor, 1)));
        assert!(!by.is_of(&user(Role::Admin, 2)));
        assert!(!by.is_of(&User { banned: true, ..user(Role::Admin, 1) }));
    }
}
