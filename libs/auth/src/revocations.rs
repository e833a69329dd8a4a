use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};

use crate::Claims;

/// A token lives no longer than this, so that no longer memory is needed of what ended.
pub const LONGEST_TOKEN: TimeDelta = TimeDelta::hours(24);

/// The set is looked through for what is forgotten at most this often.
const SWEEP_EVERY: TimeDelta = TimeDelta::minutes(5);

/// Which sessions and grants ended while tokens of theirs may still be good: in memory, fed by events.
///
/// A user's *epoch* counts how often all of their sessions were ended at once (password reset, ban,
/// role change); a token carries the epoch that its session started in (claim `sep`). One session
/// may be spared: the one in which the password was changed.
#[derive(Debug, Default)]
pub struct Revocations(RwLock<Ended>);

#[derive(Debug, Default)]
struct Ended {
    sessions: HashMap<String, DateTime<Utc>>,
    epochs: HashMap<String, Epoch>,
    grants: HashMap<String, DateTime<Utc>>,
    swept_at: DateTime<Utc>,
}

#[derive(Debug)]
struct Epoch {
    number: u64,
    spared_session: String,
    since: DateTime<Utc>,
}

impl Revocations {
    pub fn end_session(&self, session: String, at: DateTime<Utc>) {
        let mut ended = self.0.write().unwrap_or_else(PoisonError::into_inner);
        ended.sessions.insert(session, at);
        ended.sweep(at);
    }

    /// The user took back what they granted to an application (claim `gid`).
    pub fn end_grant(&self, grant: String, at: DateTime<Utc>) {
        let mut ended = self.0.write().unwrap_or_else(PoisonError::into_inner);
        ended.grants.insert(grant, at);
        ended.sweep(at);
    }

    /// From now on only sessions of `epoch` or later are live, and the spared one (empty: none).
    /// What is older than is known already changes nothing.
    pub fn begin_epoch(&self, user: String, epoch: u64, spared_session: String, at: DateTime<Utc>) {
        let mut ended = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let known = ended.epochs.get(&user).map_or(0, |known| known.number);
        if epoch > known {
            ended.epochs.insert(user, Epoch { number: epoch, spared_session, since: at });
        }
        ended.sweep(at);
    }

    /// Has this session of the user, started in `epoch`, ended as far as is known?
    pub fn is_revoked(&self, session: &str, user: &str, epoch: u64) -> bool {
        let ended = self.0.read().unwrap_or_else(PoisonError::into_inner);
        ended.sessions.contains_key(session)
            || ended.epochs.get(user).is_some_and(|known| epoch < known.number && !known.spares(session))
    }

    /// Has the session or the grant that this token stands on ended as far as is known?
    pub fn has_ended(&self, claims: &Claims) -> bool {
        let Claims { sid, sub, sep, gid, .. } = claims;
        let of_an_ended_grant = || {
            let ended = self.0.read().unwrap_or_else(PoisonError::into_inner);
            gid.as_ref().is_some_and(|grant| ended.grants.contains_key(grant))
        };
        self.is_revoked(sid, sub, *sep) || of_an_ended_grant()
    }
}

impl Epoch {
    fn spares(&self, session: &str) -> bool {
        // A token without a session is not of the spared one when there is none.
        !session.is_empty() && self.spared_session == session
    }
}

impl Ended {
    fn sweep(&mut self, now: DateTime<Utc>) {
        if now - self.swept_at < SWEEP_EVERY {
            return;
        }
        self.swept_at = now;
        self.sessions.retain(|_, at| now - *at < LONGEST_TOKEN);
        self.epochs.retain(|_, epoch| now - epoch.since < LONGEST_TOKEN);
        self.grants.retain(|_, at| now - *at < LONGEST_TOKEN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: DateTime<Utc> = DateTime::UNIX_EPOCH;

    #[test]
    fn a_session_that_ended_is_revoked_and_no_other() {
        let revocations = Revocations::default();
        revocations.end_session("s1".to_owned(), START);
        assert!(revocations.is_revoked("s1", "u", 1));
        assert!(!revocations.is_revoked("s2", "u", 1));
    }

    #[test]
    fn an_epoch_ends_all_earlier_sessions_but_the_spared_one() {
        let revocations = Revocations::default();
        revocations.begin_epoch("u".to_owned(), 3, "spared".to_owned(), START);
        assert!(revocations.is_revoked("s1", "u", 2));
        assert!(!revocations.is_revoked("spared", "u", 2));
        assert!(!revocations.is_revoked("s2", "u", 3));
        assert!(!revocations.is_revoked("s1", "another", 2));
        // Whom the next one does not spare.
        revocations.begin_epoch("u".to_owned(), 4, String::new(), START);
        assert!(revocations.is_revoked("spared", "u", 2));
        // An event that is seen again changes nothing.
        revocations.begin_epoch("u".to_owned(), 3, "spared".to_owned(), START);
        assert!(revocations.is_revoked("spared", "u", 2));
    }

    #[test]
    fn a_token_without_an_epoch_is_of_the_earliest() {
        let revocations = Revocations::default();
        revocations.begin_epoch("u".to_owned(), 2, String::new(), START);
        assert!(revocations.is_revoked("s1", "u", 0));
    }

    #[test]
    fn a_token_without_a_session_is_not_of_the_spared_one() {
        let revocations = Revocations::default();
        revocations.begin_epoch("u".to_owned(), 2, String::new(), START);
        assert!(revocations.is_revoked("", "u", 1));
    }

    #[test]
    fn what_no_token_can_outlive_is_forgotten() {
        let revocations = Revocations::default();
        revocations.end_session("s1".to_owned(), START);
        revocations.begin_epoch("u".to_owned(), 2, String::new(), START);
        revocations.end_session("s2".to_owned(), START + LONGEST_TOKEN - TimeDelta::seconds(1));
        assert!(revocations.is_revoked("s1", "x", 1));
        revocations.end_session("s3".to_owned(), START + LONGEST_TOKEN + SWEEP_EVERY);
        assert!(!revocations.is_revoked("s1", "x", 1));
        assert!(!revocations.is_revoked("s9", "u", 1));
        assert!(revocations.is_revoked("s2", "x", 1));
    }
}
