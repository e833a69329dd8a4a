use api::events::session::{SigningKeyCreated, SigningKeyRetired};
use chrono::{DateTime, TimeDelta, Utc};

/// A key is published this long before it signs: verifiers keep a key set for five minutes.
const PUBLISHED_BEFORE: TimeDelta = TimeDelta::minutes(10);
/// A key verifies this much longer than its tokens are good for: clocks differ.
pub(crate) const LEEWAY: TimeDelta = TimeDelta::seconds(60);

kernel::events! {
    /// What happens to a signing key.
    pub(crate) enum Event {
        Created(SigningKeyCreated) = "key.created" @ 1,
        Retired(SigningKeyRetired) = "key.retired" @ 1,
    }
}

/// When a key does what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) signs_from: DateTime<Utc>,
    /// None: there is no younger key.
    pub(crate) verifies_until: Option<DateTime<Utc>>,
}

impl Term {
    pub(crate) fn verifies(&self, now: DateTime<Utc>) -> bool {
        self.verifies_until.is_none_or(|until| now < until)
    }

    pub(crate) fn may_sign(&self, now: DateTime<Utc>) -> bool {
        self.signs_from <= now && self.verifies(now)
    }

    /// The latest end of a token that this key signs.
    pub(crate) fn latest_expiry(&self) -> DateTime<Utc> {
        self.verifies_until.map_or(DateTime::<Utc>::MAX_UTC, |until| until - LEEWAY)
    }
}

/// How a key follows another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// Published at once, signs in ten minutes.
    Announced,
    /// Signs at once; what the former keys have signed goes on to verify.
    Now,
    /// Signs at once; the former keys are dropped, and their tokens refused.
    NowRevoking,
}

/// When the new key signs, and until when all former ones verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Succession {
    pub(crate) signs_from: DateTime<Utc>,
    pub(crate) others_verify_until: DateTime<Utc>,
}

impl Rotation {
    /// `lifetime` is that of access tokens.
    pub(crate) fn at(self, now: DateTime<Utc>, lifetime: TimeDelta) -> Succession {
        let signs_from = if self == Self::Announced { now + PUBLISHED_BEFORE } else { now };
        let tail = if self == Self::NowRevoking { TimeDelta::zero() } else { lifetime + LEEWAY };
        Succession { signs_from, others_verify_until: signs_from + tail }
    }
}

/// The one that signs: the youngest that may by now. `terms` have the youngest first.
pub(crate) fn signer<'a, T>(
    mut keys: impl Iterator<Item = &'a T>,
    term: impl Fn(&T) -> Term,
    now: DateTime<Utc>,
) -> Option<&'a T> {
    keys.find(|key| term(key).may_sign(now))
}

/// Whether the youngest key is to have a successor.
pub(crate) fn is_rotation_due(youngest: Option<Term>, every: TimeDelta, now: DateTime<Utc>) -> bool {
    youngest.is_some_and(|term| term.created_at + every <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: DateTime<Utc> = DateTime::UNIX_EPOCH;
    const SIX_HOURS: TimeDelta = TimeDelta::hours(6);

    fn sole() -> Term {
        Term { created_at: START, signs_from: START, verifies_until: None }
    }

    fn rotated(how: Rotation, at: DateTime<Utc>) -> [Term; 2] {
        let Succession { signs_from, others_verify_until } = how.at(at, SIX_HOURS);
        let young = Term { created_at: at, signs_from, verifies_until: None };
        [young, Term { verifies_until: Some(others_verify_until), ..sole() }]
    }

    fn who_signs(keys: &[Term], at: DateTime<Utc>) -> Option<usize> {
        let signer = signer(keys.iter(), |term| *term, at)?;
        keys.iter().position(|key| key == signer)
    }

    #[test]
    fn a_key_is_published_before_it_signs_and_the_former_verifies_its_last_token() {
        let keys = rotated(Rotation::Announced, START);
        let takes_over = START + TimeDelta::minutes(10);
        let before = takes_over - TimeDelta::microseconds(1);
        assert_eq!(who_signs(&keys, before), Some(1));
        assert_eq!(who_signs(&keys, takes_over), Some(0));
        let last_token = before + SIX_HOURS;
        assert!(last_token <= keys[1].latest_expiry());
        assert!(keys[1].verifies(last_token + TimeDelta::seconds(30)));
        assert!(!keys[1].verifies(last_token + TimeDelta::minutes(2)));
    }

    #[test]
    fn in_an_emergency_the_new_key_signs_at_once_also_before_one_that_was_announced() {
        let keys = rotated(Rotation::Now, START);
        assert_eq!(who_signs(&keys, START), Some(0));
        assert!(keys[1].verifies(START + SIX_HOURS));
        let announced = Term { signs_from: START + TimeDelta::minutes(5), ..keys[1] };
        let later = START + TimeDelta::minutes(6);
        assert_eq!(who_signs(&[keys[0], announced], later), Some(0));
    }

    #[test]
    fn a_revoked_key_neither_signs_nor_verifies() {
        let keys = rotated(Rotation::NowRevoking, START);
        assert!(!keys[1].verifies(START));
        assert_eq!(who_signs(&keys[1..], START), None);
    }

    #[test]
    fn a_key_is_due_for_a_successor_once() {
        let every = TimeDelta::days(90);
        assert!(!is_rotation_due(None, every, START + every));
        assert!(!is_rotation_due(Some(sole()), every, START + every - TimeDelta::microseconds(1)));
        assert!(is_rotation_due(Some(sole()), every, START + every));
        let [young, _] = rotated(Rotation::Announced, START + every);
        assert!(!is_rotation_due(Some(young), every, START + every));
    }
}
