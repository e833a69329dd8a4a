use api::events::session::{
    AccessTokenIssued, SessionProlonged, SessionRevoked, SessionStarted, SigningKeyCreated,
};
use chrono::{DateTime, TimeDelta, Utc};
use kernel::{SessionId, UserId};

/// Lifetimes of the Better-Auth contract.
const LIFETIME: TimeDelta = TimeDelta::days(7);
/// Of a session that ends with the browser's.
const SHORT_LIFETIME: TimeDelta = TimeDelta::days(1);
/// A session in use is prolonged at most once in this time.
const PROLONG_EVERY: TimeDelta = TimeDelta::days(1);

const MAX_USER_AGENT_BYTES: usize = 512;
const MAX_IP_BYTES: usize = 64;

kernel::events! {
    /// What happens to a session.
    pub(crate) enum Event {
        Started(SessionStarted) = "session.started" @ 1,
        Prolonged(SessionProlonged) = "session.prolonged" @ 1,
        Revoked(SessionRevoked) = "session.revoked" @ 1,
        AccessTokenIssued(AccessTokenIssued) = "session.access_token_issued" @ 1,
    }
}

kernel::events! {
    /// What happens to a signing key.
    pub(crate) enum KeyEvent {
        Created(SigningKeyCreated) = "key.created" @ 1,
    }
}

/// Where a request came from, cut to what the log keeps.
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
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) user_id: UserId,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) origin: Origin,
    pub(crate) remember: bool,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
}

impl Session {
    pub(crate) fn start(
        id: SessionId,
        user_id: UserId,
        origin: Origin,
        remember: bool,
        now: DateTime<Utc>,
    ) -> Self {
        let lifetime = if remember { LIFETIME } else { SHORT_LIFETIME };
        Self {
            id,
            user_id,
            expires_at: now + lifetime,
            created_at: now,
            updated_at: now,
            origin,
            remember,
            revoked_at: None,
        }
    }

    pub(crate) fn stream(&self) -> String {
        stream(&self.id)
    }

    pub(crate) fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }

    pub(crate) fn prolonged(self, expires_at: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self { expires_at, updated_at: now, ..self }
    }

    pub(crate) fn started(&self) -> Event {
        Event::Started(SessionStarted {
            session_id: self.id.to_string(),
            user_id: self.user_id.to_string(),
            expires_at: Some(api::timestamp(self.expires_at)),
            ip: self.origin.ip.clone(),
            user_agent: self.origin.user_agent.clone(),
            remember: self.remember,
        })
    }
}

pub(crate) fn stream(id: &SessionId) -> String {
    format!("session-{id}")
}

/// The new end of a session that is in use and was not prolonged lately.
pub(crate) fn decide_prolong(session: &Session, now: DateTime<Utc>) -> Option<(DateTime<Utc>, Event)> {
    let due = session.expires_at - LIFETIME + PROLONG_EVERY <= now;
    let expires_at = now + LIFETIME;
    (session.is_live(now) && session.remember && due).then(|| {
        let event = Event::Prolonged(SessionProlonged {
            session_id: session.id.to_string(),
            user_id: session.user_id.to_string(),
            expires_at: Some(api::timestamp(expires_at)),
        });
        (expires_at, event)
    })
}

/// Nothing where there is nothing left to revoke.
pub(crate) fn decide_sign_out(session: &Session, origin: &Origin, now: DateTime<Utc>) -> Option<Event> {
    session.is_live(now).then(|| {
        Event::Revoked(SessionRevoked {
            session_id: session.id.to_string(),
            user_id: session.user_id.to_string(),
            reason: "sign_out".to_owned(),
            ip: origin.ip.clone(),
            user_agent: origin.user_agent.clone(),
        })
    })
}

/// A token is issued for a live session only.
pub(crate) fn decide_issue(
    session: &Session,
    key_id: &str,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Option<Event> {
    session.is_live(now).then(|| {
        Event::AccessTokenIssued(AccessTokenIssued {
            session_id: session.id.to_string(),
            user_id: session.user_id.to_string(),
            key_id: key_id.to_owned(),
            expires_at: Some(api::timestamp(expires_at)),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn given(remember: bool) -> Session {
        Session::start(SessionId::from("s1"), UserId::from("u1"), Origin::default(), remember, START)
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
        assert_eq!(decide_prolong(&session, day - TimeDelta::microseconds(1)), None);
        let (expires_at, _) = decide_prolong(&session, day).unwrap();
        assert_eq!(expires_at, day + TimeDelta::days(7));
        let session = session.prolonged(expires_at, day);
        assert_eq!(decide_prolong(&session, day + TimeDelta::hours(23)), None);
        assert!(decide_prolong(&session, day + TimeDelta::hours(24)).is_some());
    }

    #[test]
    fn a_session_that_is_not_remembered_is_never_prolonged() {
        assert_eq!(decide_prolong(&given(false), START + TimeDelta::hours(23)), None);
    }

    #[test]
    fn nothing_happens_to_a_session_that_ended() {
        let now = START + TimeDelta::days(2);
        let revoked = Session { revoked_at: Some(START), ..given(true) };
        for ended in [revoked, given(false)] {
            assert_eq!(decide_prolong(&ended, now), None);
            assert_eq!(decide_sign_out(&ended, &Origin::default(), now), None);
            assert_eq!(decide_issue(&ended, "k", now, now), None);
        }
        assert!(decide_sign_out(&given(true), &Origin::default(), now).is_some());
        assert!(decide_issue(&given(true), "k", now, now).is_some());
    }
}
