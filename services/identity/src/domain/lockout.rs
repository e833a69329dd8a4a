use chrono::{DateTime, TimeDelta, Utc};

/// Consecutive failures that lock an address.
pub(crate) const MAX_FAILURES: u32 = 5;
/// How long it stays locked.
pub(crate) const LOCK: TimeDelta = TimeDelta::minutes(30);
/// A reservation not settled by then belongs to a process that died; hashing takes well under a
/// second.
const LAPSE: TimeDelta = TimeDelta::minutes(1);

/// The guesses against one address.
///
/// A guess is reserved before it is verified and settled after: failures and reservations
/// together never exceed [`MAX_FAILURES`], so that guesses sent side by side gain nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Guard {
    /// Consecutive failures.
    pub(crate) failures: u32,
    /// Guesses being verified.
    pub(crate) in_flight: u32,
    /// When the latest of them was reserved.
    pub(crate) reserved_at: Option<DateTime<Utc>>,
    pub(crate) locked_until: Option<DateTime<Utc>>,
}

/// Why a guess may not be verified now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Locked {
        until: DateTime<Utc>,
    },
    /// The guesses in flight may use up what is left: wait until one is settled.
    Busy,
}

/// What a verified guess leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    SignedIn,
    Failed {
        failures: u32,
    },
    /// The failure that locked the address.
    Locked {
        failures: u32,
        until: DateTime<Utc>,
    },
    /// It was locked meanwhile: right or wrong is not told.
    Refused {
        until: DateTime<Utc>,
    },
}

impl Guard {
    /// The guard with one more guess reserved.
    pub(crate) fn admit(self, now: DateTime<Utc>) -> Result<Self, Refusal> {
        if let Some(until) = self.lock(now) {
            return Err(Refusal::Locked { until });
        }
        let in_flight = self.live_reservations(now);
        if self.counted(now) + in_flight >= MAX_FAILURES {
            return Err(Refusal::Busy);
        }
        Ok(Self { in_flight: in_flight + 1, reserved_at: Some(now), ..self })
    }

    /// The guard once a guess proved `right` or wrong. Releasing the reservation is not part of
    /// it: others are made meanwhile, so their number changes by difference.
    pub(crate) fn settle(self, right: bool, now: DateTime<Utc>) -> (Self, Verdict) {
        if let Some(until) = self.lock(now) {
            return (self, Verdict::Refused { until });
        }
        if right {
            return (Self { failures: 0, locked_until: None, ..self }, Verdict::SignedIn);
        }
        let failures = self.counted(now) + 1;
        if failures < MAX_FAILURES {
            return (Self { failures, locked_until: None, ..self }, Verdict::Failed { failures });
        }
        let until = now + LOCK;
        (Self { failures, locked_until: Some(until), ..self }, Verdict::Locked { failures, until })
    }

    fn lock(self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.locked_until.filter(|until| *until > now)
    }

    /// A lock that ran out has paid for the failures that led to it.
    fn counted(self, now: DateTime<Utc>) -> u32 {
        if self.locked_until.is_some_and(|until| until <= now) { 0 } else { self.failures }
    }

    fn live_reservations(self, now: DateTime<Utc>) -> u32 {
        if self.reserved_at.is_some_and(|at| now - at < LAPSE) { self.in_flight } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use kernel::{Clock, ManualClock};

    use super::*;

    /// A guard under a clock, driven as the command drives it.
    struct Given {
        clock: ManualClock,
        guard: Guard,
    }

    fn given() -> Given {
        Given { clock: ManualClock::new(DateTime::UNIX_EPOCH), guard: Guard::default() }
    }

    impl Given {
        fn reserve(&mut self) -> Result<(), Refusal> {
            self.guard = self.guard.admit(self.clock.now())?;
            Ok(())
        }

        fn settle(&mut self, right: bool) -> Verdict {
            let (guard, verdict) = self.guard.settle(right, self.clock.now());
            self.guard = Guard { in_flight: guard.in_flight.saturating_sub(1), ..guard };
            verdict
        }

        fn guess(&mut self, right: bool) -> Result<Verdict, Refusal> {
            self.reserve().map(|()| self.settle(right))
        }

        fn after_failures(mut self, count: u32) -> Self {
            for _ in 0..count {
                self.guess(false).unwrap();
            }
            self
        }
    }

    #[test]
    fn four_failures_do_not_lock() {
        let mut given = given();
        for failures in 1..=4 {
            assert_eq!(given.guess(false), Ok(Verdict::Failed { failures }));
        }
        assert_eq!(given.guess(true), Ok(Verdict::SignedIn));
    }

    #[test]
    fn the_fifth_failure_locks_for_thirty_minutes() {
        let mut given = given().after_failures(4);
        let until = DateTime::UNIX_EPOCH + TimeDelta::minutes(30);
        assert_eq!(given.guess(false), Ok(Verdict::Locked { failures: 5, until }));
        given.clock.advance(TimeDelta::minutes(30) - TimeDelta::microseconds(1));
        assert_eq!(given.guess(true), Err(Refusal::Locked { until }));
    }

    #[test]
    fn guesses_while_locked_do_not_prolong_the_lock() {
        let mut given = given().after_failures(5);
        let until = DateTime::UNIX_EPOCH + TimeDelta::minutes(30);
        given.clock.advance(TimeDelta::minutes(20));
        assert_eq!(given.guess(false), Err(Refusal::Locked { until }));
        given.clock.advance(TimeDelta::minutes(10));
        assert_eq!(given.guess(true), Ok(Verdict::SignedIn));
    }

    #[test]
    fn a_lock_that_ran_out_leaves_five_new_guesses() {
        let mut given = given().after_failures(5);
        given.clock.advance(TimeDelta::minutes(30));
        for failures in 1..=4 {
            assert_eq!(given.guess(false), Ok(Verdict::Failed { failures }));
        }
        assert!(matches!(given.guess(false), Ok(Verdict::Locked { failures: 5, .. })));
    }

    #[test]
    fn a_success_forgets_the_failures_before_it() {
        let mut given = given().after_failures(4);
        given.guess(true).unwrap();
        assert_eq!(given.guess(false), Ok(Verdict::Failed { failures: 1 }));
    }

    #[test]
    fn guesses_side_by_side_are_admitted_only_as_far_as_failures_are_left() {
        let mut given = given().after_failures(2);
        for _ in 0..3 {
            given.reserve().unwrap();
        }
        assert_eq!(given.reserve(), Err(Refusal::Busy));
        assert_eq!(given.settle(false), Verdict::Failed { failures: 3 });
        assert_eq!(given.reserve(), Err(Refusal::Busy), "a settled failure frees nothing");
        assert_eq!(given.settle(true), Verdict::SignedIn);
        assert_eq!(given.reserve(), Ok(()), "a success frees what the failures held");
    }

    #[test]
    fn a_guess_settled_under_a_lock_is_not_told_its_outcome() {
        let mut given = given();
        for _ in 0..5 {
            given.reserve().unwrap();
        }
        given.clock.advance(TimeDelta::minutes(1));
        given.reserve().unwrap();
        for _ in 0..5 {
            given.settle(false);
        }
        assert!(matches!(given.settle(true), Verdict::Refused { .. }));
    }

    #[test]
    fn reservations_of_a_crashed_process_lapse_after_a_minute() {
        let mut given = given();
        for _ in 0..5 {
            given.reserve().unwrap();
        }
        given.clock.advance(TimeDelta::seconds(59));
        assert_eq!(given.reserve(), Err(Refusal::Busy));
        given.clock.advance(TimeDelta::seconds(1));
        assert_eq!(given.reserve(), Ok(()));
        assert_eq!(given.guard.in_flight, 1);
    }
}
