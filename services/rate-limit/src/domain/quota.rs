use std::fmt;

use api::events::rate_limit::{QuotaRefunded, QuotaReserved, QuotaSettled};
use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Role, UserId};

const MAX_RESERVATION_ID_BYTES: usize = 64;

kernel::events! {
    /// What happens to a user's quota.
    pub(crate) enum Event {
        Reserved(QuotaReserved) = "quota.reserved" @ 1,
        Settled(QuotaSettled) = "quota.settled" @ 1,
        Refunded(QuotaRefunded) = "quota.refunded" @ 1,
    }
}

/// One stream per user: the quota is what its commands must agree about.
pub(crate) fn stream(user: &UserId) -> String {
    format!("quota-{user}")
}

/// Chosen by the caller, so that it can ask again without being counted twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReservationId(String);

impl ReservationId {
    /// 1 to 64 visible ASCII characters; `None` otherwise.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fits = (1..=MAX_RESERVATION_ID_BYTES).contains(&text.len());
        (fits && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReservationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Reserved,
    Settled,
    Refunded,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reservation {
    pub(crate) id: String,
    pub(crate) reserved_at: DateTime<Utc>,
    pub(crate) state: State,
}

/// How many messages in how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) limit: u32,
    pub(crate) window: TimeDelta,
}

/// What is left of a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// When the next counted message leaves the window and makes room; `None` when none counts.
    pub(crate) resets_at: Option<DateTime<Utc>>,
}

impl Policy {
    pub(crate) fn exempts(role: Role) -> bool {
        role > Role::Student
    }

    /// What was reserved at this instant or before no longer counts: a message sent at noon makes
    /// room at noon.
    pub(crate) fn window_start(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - self.window
    }

    pub(crate) fn standing(&self, ledger: &Ledger, now: DateTime<Utc>) -> Standing {
        let counted = ledger.counted_since(self.window_start(now));
        let used = counted.len();
        // More than the limit count only after the limit was lowered: room is made by a later one.
        let next_to_leave = counted.get(used.saturating_sub(size(self.limit)));
        Standing {
            limit: self.limit,
            remaining: self.limit.saturating_sub(count(used)),
            resets_at: next_to_leave.map(|reserved_at| *reserved_at + self.window),
        }
    }
}

/// A user's reservations: all that may still count, and the one a command is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ledger {
    user: UserId,
    reservations: Vec<Reservation>,
}

impl Ledger {
    pub(crate) fn new(user: UserId, reservations: Vec<Reservation>) -> Self {
        Self { user, reservations }
    }

    /// Events carry no time of their own: `at` is the time they were recorded.
    pub(crate) fn apply(&mut self, event: &Event, at: DateTime<Utc>) {
        match event {
            Event::Reserved(event) => self.reservations.push(Reservation {
                id: event.reservation_id.clone(),
                reserved_at: at,
                state: State::Reserved,
            }),
            Event::Settled(event) => self.set(&event.reservation_id, State::Settled),
            Event::Refunded(event) => self.set(&event.reservation_id, State::Refunded),
        }
    }

    fn set(&mut self, id: &str, state: State) {
        for reservation in self.reservations.iter_mut().filter(|reservation| reservation.id == id) {
            reservation.state = state;
        }
    }

    fn state_of(&self, id: &ReservationId) -> Option<State> {
        let found = self.reservations.iter().find(|reservation| reservation.id == id.as_str());
        found.map(|reservation| reservation.state)
    }

    /// When the messages after `start` that count were reserved, oldest first.
    fn counted_since(&self, start: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        let counted = self
            .reservations
            .iter()
            .filter(|reservation| reservation.state != State::Refunded && reservation.reserved_at > start);
        let mut times: Vec<_> = counted.map(|reservation| reservation.reserved_at).collect();
        times.sort_unstable();
        times
    }
}

/// Why a message may not be sent.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReserveError {
    /// Room is made after `wait`.
    #[error("the quota is used up")]
    Exhausted { standing: Standing, wait: TimeDelta },
    /// Counting it again would let a late repeat undo the refund.
    #[error("the reservation was refunded")]
    Refunded,
}

/// `None` when it is reserved already: a repeat counts once.
pub(crate) fn decide_reserve(
    ledger: &Ledger,
    policy: &Policy,
    id: &ReservationId,
    now: DateTime<Utc>,
) -> Result<Option<Event>, ReserveError> {
    match ledger.state_of(id) {
        Some(State::Reserved | State::Settled) => return Ok(None),
        Some(State::Refunded) => return Err(ReserveError::Refunded),
        None => {}
    }
    let standing = policy.standing(ledger, now);
    if standing.remaining == 0 {
        let wait = standing.resets_at.map_or(policy.window, |resets_at| resets_at - now);
        return Err(ReserveError::Exhausted { standing, wait });
    }
    Ok(Some(Event::Reserved(QuotaReserved {
        reservation_id: id.to_string(),
        user_id: ledger.user.to_string(),
        used: standing.limit - standing.remaining + 1,
    })))
}

/// Why a reservation can be neither settled nor refunded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CloseError {
    #[error("there is no such reservation")]
    Unknown,
    /// Whoever closed it first decided.
    #[error("the reservation is {0:?} already")]
    Closed(State),
}

/// The message was answered and counts until the window has passed. `None` when settled already.
pub(crate) fn decide_settle(ledger: &Ledger, id: &ReservationId) -> Result<Option<Event>, CloseError> {
    match ledger.state_of(id).ok_or(CloseError::Unknown)? {
        State::Reserved => Ok(Some(Event::Settled(QuotaSettled {
            reservation_id: id.to_string(),
            user_id: ledger.user.to_string(),
        }))),
        State::Settled => Ok(None),
        State::Refunded => Err(CloseError::Closed(State::Refunded)),
    }
}

/// The message was not answered and no longer counts. `None` when refunded already.
pub(crate) fn decide_refund(
    ledger: &Ledger,
    id: &ReservationId,
    reason: &str,
) -> Result<Option<Event>, CloseError> {
    match ledger.state_of(id).ok_or(CloseError::Unknown)? {
        State::Reserved => Ok(Some(Event::Refunded(QuotaRefunded {
            reservation_id: id.to_string(),
            user_id: ledger.user.to_string(),
            reason: reason.to_owned(),
        }))),
        State::Refunded => Ok(None),
        State::Settled => Err(CloseError::Closed(State::Settled)),
    }
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn size(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: DateTime<Utc> = DateTime::UNIX_EPOCH;
    const TICK: TimeDelta = TimeDelta::microseconds(1);
    const POLICY: Policy = Policy { limit: 3, window: TimeDelta::hours(24) };

    fn id(text: &str) -> ReservationId {
        ReservationId::parse(text).unwrap()
    }

    /// A ledger to which things happen, each by its own decision.
    struct Given(Ledger);

    fn given() -> Given {
        Given(Ledger::new(UserId::from("ada"), Vec::new()))
    }

    impl Given {
        fn reserved(mut self, text: &str, at: DateTime<Utc>) -> Self {
            let event = decide_reserve(&self.0, &POLICY, &id(text), at).unwrap().unwrap();
            self.0.apply(&event, at);
            self
        }
        fn settled(mut self, text: &str) -> Self {
            let event = decide_settle(&self.0, &id(text)).unwrap().unwrap();
            self.0.apply(&event, NOON);
            self
        }
        fn refunded(mut self, text: &str) -> Self {
            let event = decide_refund(&self.0, &id(text), "INTERRUPTED").unwrap().unwrap();
            self.0.apply(&event, NOON);
            self
        }
        fn reserve(&self, text: &str, at: DateTime<Utc>) -> Result<Option<Event>, ReserveError> {
            decide_reserve(&self.0, &POLICY, &id(text), at)
        }
        fn remaining(&self, at: DateTime<Utc>) -> u32 {
            POLICY.standing(&self.0, at).remaining
        }
        fn resets_at(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
            POLICY.standing(&self.0, at).resets_at
        }
    }

    fn hours(hours: i64) -> DateTime<Utc> {
        NOON + TimeDelta::hours(hours)
    }

    #[test]
    fn an_unused_quota_is_whole_and_has_nothing_to_wait_for() {
        let standing = POLICY.standing(&given().0, NOON);
        assert_eq!(standing, Standing { limit: 3, remaining: 3, resets_at: None });
    }

    #[test]
    fn the_event_tells_how_many_are_used_with_it() {
        let Some(Event::Reserved(event)) = given().reserved("a", NOON).reserve("b", NOON).unwrap() else {
            panic!("not reserved")
        };
        assert_eq!((event.used, event.user_id.as_str(), event.reservation_id.as_str()), (2, "ada", "b"));
    }

    #[test]
    fn one_too_many_is_told_when_the_oldest_leaves() {
        let full = given().reserved("a", NOON).reserved("b", hours(1)).reserved("c", hours(2));
        let standing = Standing { limit: 3, remaining: 0, resets_at: Some(hours(24)) };
        let refused = ReserveError::Exhausted { standing, wait: TimeDelta::hours(21) };
        assert_eq!(full.reserve("d", hours(3)), Err(refused));
    }

    #[test]
    fn a_message_leaves_the_window_exactly_when_it_has_passed() {
        let full = given().reserved("a", NOON).reserved("b", hours(1)).reserved("c", hours(1));
        assert!(full.reserve("d", hours(24) - TICK).is_err());
        assert!(full.reserve("d", hours(24)).unwrap().is_some());
        assert_eq!((full.remaining(hours(24) - TICK), full.remaining(hours(24))), (0, 1));
        assert_eq!(full.resets_at(hours(24)), Some(hours(25)));
        assert_eq!((full.remaining(hours(25)), full.resets_at(hours(25))), (3, None));
    }

    #[test]
    fn a_repeat_counts_once_and_is_never_refused() {
        let full = given().reserved("a", NOON).reserved("b", NOON).reserved("c", NOON).settled("b");
        for known in ["a", "b"] {
            assert_eq!(full.reserve(known, NOON), Ok(None));
            assert_eq!(full.reserve(known, hours(48)), Ok(None), "also after the window");
        }
    }

    #[test]
    fn a_settled_message_counts_and_a_refunded_one_does_not() {
        let full = given().reserved("a", NOON).reserved("b", hours(1)).reserved("c", hours(1));
        let settled = full.settled("a");
        assert_eq!((settled.remaining(hours(2)), settled.resets_at(hours(2))), (0, Some(hours(24))));
        let refunded = settled.refunded("b");
        assert_eq!(refunded.remaining(hours(2)), 1);
        assert!(refunded.reserve("d", hours(2)).unwrap().is_some());
    }

    #[test]
    fn what_was_refunded_cannot_be_reserved_again() {
        let refunded = given().reserved("a", NOON).refunded("a");
        assert_eq!(refunded.reserve("a", NOON), Err(ReserveError::Refunded));
    }

    #[test]
    fn closing_twice_is_recorded_once_and_the_first_to_close_decides() {
        let settled = given().reserved("a", NOON).settled("a").0;
        assert_eq!(decide_settle(&settled, &id("a")), Ok(None));
        assert_eq!(decide_refund(&settled, &id("a"), "LATE"), Err(CloseError::Closed(State::Settled)));

        let refunded = given().reserved("a", NOON).refunded("a").0;
        assert_eq!(decide_refund(&refunded, &id("a"), "AGAIN"), Ok(None));
        assert_eq!(decide_settle(&refunded, &id("a")), Err(CloseError::Closed(State::Refunded)));
    }

    #[test]
    fn what_was_never_reserved_cannot_be_closed() {
        assert_eq!(decide_settle(&given().0, &id("a")), Err(CloseError::Unknown));
        assert_eq!(decide_refund(&given().0, &id("a"), "LATE"), Err(CloseError::Unknown));
    }

    #[test]
    fn after_the_limit_was_lowered_room_is_made_by_the_one_that_brings_it_below() {
        let full = given().reserved("a", NOON).reserved("b", hours(1)).reserved("c", hours(2));
        let lowered = Policy { limit: 2, ..POLICY };
        let standing = lowered.standing(&full.0, hours(3));
        assert_eq!(standing, Standing { limit: 2, remaining: 0, resets_at: Some(hours(25)) });
        assert!(decide_reserve(&full.0, &lowered, &id("d"), hours(24)).is_err());
        assert!(decide_reserve(&full.0, &lowered, &id("d"), hours(25)).unwrap().is_some());
    }

    #[test]
    fn only_students_have_a_quota() {
        let exempt = [Role::Student, Role::Instructor, Role::Admin].map(Policy::exempts);
        assert_eq!(exempt, [false, true, true]);
    }

    #[test]
    fn a_reservation_id_is_short_visible_ascii() {
        assert!(ReservationId::parse(&"x".repeat(64)).is_some());
        for bad in ["", " ", "a b", "é", "a\0", &"x".repeat(65)] {
            assert_eq!(ReservationId::parse(bad), None, "{bad:?}");
        }
    }
}
