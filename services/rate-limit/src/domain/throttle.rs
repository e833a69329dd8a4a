//! The generic cell rate algorithm (GCRA; ITU-T I.371, in the form "virtual scheduling").
//!
//! A key is a bucket that holds `limit` calls and runs out evenly within the window, one call every
//! `spacing` = window / limit. All there is to know about it is when it will be empty, the
//! algorithm's theoretical arrival time: a call puts that off by `spacing`, and is refused where it
//! would lie further ahead than a full bucket takes to run out.
//!
//! The bound: within any span of time no more is counted than `limit` + span / `spacing`. So `limit`
//! at once, twice that at most in any one window, and `limit` per window in the long run. A sliding
//! counter of two weighted windows has the same bound, needs more state, and cannot say exactly when
//! to come back.

use chrono::{DateTime, TimeDelta, Utc};

const MAX_KEY_BYTES: usize = 128;
const MAX_LIMIT: u32 = 1_000_000;
const MAX_WINDOW_SECONDS: u32 = 86_400;

/// What is counted. Opaque: the caller hashes what is personal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ThrottleKey(String);

impl ThrottleKey {
    /// # Errors
    /// Unless it is 1 to 128 of `[A-Za-z0-9_.:/-]`.
    pub(crate) fn parse(text: String) -> Result<Self, Invalid> {
        let fits = (1..=MAX_KEY_BYTES).contains(&text.len());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:/-".contains(&byte);
        if fits && text.bytes().all(plain) { Ok(Self(text)) } else { Err(Invalid::Key) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which part of a request cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Invalid {
    #[error("the key is malformed")]
    Key,
    #[error("the limit is out of range")]
    Limit,
    #[error("the window is out of range")]
    Window,
    #[error("the cost is out of range")]
    Cost,
}

/// How many calls are given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Returned(u32);

impl Returned {
    /// # Errors
    /// Unless it is 1 to 1,000,000.
    pub(crate) fn new(calls: u32) -> Result<Self, Invalid> {
        if (1..=MAX_LIMIT).contains(&calls) { Ok(Self(calls)) } else { Err(Invalid::Cost) }
    }

    pub(crate) fn calls(self) -> u32 {
        self.0
    }
}

/// So many calls in so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    limit: u32,
    spacing: TimeDelta,
}

impl Rate {
    /// # Errors
    /// Unless the limit is 1 to 1,000,000 and the window 1 to 86,400 seconds.
    pub(crate) fn new(limit: u32, window_seconds: u32) -> Result<Self, Invalid> {
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(Invalid::Limit);
        }
        if !(1..=MAX_WINDOW_SECONDS).contains(&window_seconds) {
            return Err(Invalid::Window);
        }
        // Up to whole microseconds, the resolution of what is stored: never more than the limit.
        let spacing = (u64::from(window_seconds) * 1_000_000).div_ceil(u64::from(limit));
        Ok(Self { limit, spacing: TimeDelta::microseconds(spacing.cast_signed()) })
    }

    /// How much later one call makes the bucket empty.
    pub(crate) fn spacing(&self) -> TimeDelta {
        self.spacing
    }

    /// # Errors
    /// Of a cost that could never be admitted.
    pub(crate) fn charge(&self, cost: u32) -> Result<Charge, Invalid> {
        if (1..=self.limit).contains(&cost) { Ok(Charge { rate: *self, cost }) } else { Err(Invalid::Cost) }
    }

    /// What a call of 1 would be told; nothing is counted.
    pub(crate) fn look(&self, empty_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Verdict {
        let remaining = self.remaining(empty_at, now);
        let refused = empty_at.filter(|_| remaining == 0);
        let retry_after_seconds = refused.map_or(0, |at| Charge { rate: *self, cost: 1 }.wait(at, now));
        Verdict { allowed: refused.is_none(), remaining, retry_after_seconds }
    }

    /// How many calls could be counted at once.
    fn remaining(&self, empty_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> u32 {
        let filled = empty_at.map_or(TimeDelta::zero(), |at| (at - now).max(TimeDelta::zero()));
        let free = (times(self.spacing, self.limit) - filled).num_microseconds().unwrap_or(0).max(0);
        u32::try_from(free / self.spacing.num_microseconds().unwrap_or(1).max(1)).unwrap_or(self.limit)
    }
}

/// A call of some cost, under a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Charge {
    rate: Rate,
    cost: u32,
}

impl Charge {
    pub(crate) fn rate(&self) -> &Rate {
        &self.rate
    }

    /// By how much a call puts off the time at which the bucket is empty.
    pub(crate) fn delay(&self) -> TimeDelta {
        times(self.rate.spacing, self.cost)
    }

    /// The rule: a call is admitted to a bucket that is empty by then, and refused by a fuller one.
    pub(crate) fn admitted_until(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now + times(self.rate.spacing, self.rate.limit - self.cost)
    }

    /// The rule as a whole, for tests: in use, one statement of SQL decides and counts (see
    /// `postgres::throttles`, whose tests hold it against this). Of a bucket that was never used or
    /// has run out, `empty_at` is `None` or past.
    #[cfg(test)]
    pub(crate) fn decide(&self, empty_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Decision {
        let start = empty_at.map_or(now, |at| at.max(now));
        if start <= self.admitted_until(now) {
            Decision::Admitted { empty_at: start + self.delay() }
        } else {
            Decision::Refused { empty_at: start }
        }
    }

    /// What the caller is told of a decision.
    pub(crate) fn verdict(&self, decision: Decision, now: DateTime<Utc>) -> Verdict {
        let (allowed, empty_at) = match decision {
            Decision::Admitted { empty_at } => (true, empty_at),
            Decision::Refused { empty_at } => (false, empty_at),
        };
        Verdict {
            allowed,
            remaining: self.rate.remaining(Some(empty_at), now),
            retry_after_seconds: if allowed { 0 } else { self.wait(empty_at, now) },
        }
    }

    /// Whole seconds, rounded up, until a bucket that is empty at `empty_at` admits this call.
    fn wait(&self, empty_at: DateTime<Utc>, now: DateTime<Utc>) -> u32 {
        let wait = (empty_at - self.admitted_until(now)).num_microseconds().unwrap_or(i64::MAX);
        // At least one: room may have been made since the call was refused.
        u32::try_from(wait.max(1).cast_unsigned().div_ceil(1_000_000)).unwrap_or(u32::MAX)
    }
}

/// With it, when the bucket is empty then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Admitted {
        empty_at: DateTime<Utc>,
    },
    /// Nothing is counted.
    Refused {
        empty_at: DateTime<Utc>,
    },
}

/// What a caller is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) allowed: bool,
    /// How many calls could still be counted at once.
    pub(crate) remaining: u32,
    /// 0 when allowed.
    pub(crate) retry_after_seconds: u32,
}

/// At most a window and a second, far from the end of the type.
fn times(spacing: TimeDelta, calls: u32) -> TimeDelta {
    TimeDelta::microseconds(spacing.num_microseconds().unwrap_or(i64::MAX).saturating_mul(calls.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOON: DateTime<Utc> = DateTime::from_timestamp_nanos(1_767_614_400_000_000_000);

    /// Ten a minute: one every six seconds.
    fn ten_a_minute() -> Rate {
        Rate::new(10, 60).unwrap()
    }

    fn after(seconds: i64) -> DateTime<Utc> {
        NOON + TimeDelta::seconds(seconds)
    }

    /// One key, and the times and costs that were counted.
    struct Key {
        rate: Rate,
        empty_at: Option<DateTime<Utc>>,
        counted: Vec<(DateTime<Utc>, u32)>,
    }

    fn given(rate: Rate) -> Key {
        Key { rate, empty_at: None, counted: Vec::new() }
    }

    impl Key {
        fn calls(mut self, count: u32, at: DateTime<Utc>) -> Self {
            for _ in 0..count {
                assert_eq!(self.call(1, at), Ok(()));
            }
            self
        }

        /// When refused, the seconds to wait.
        fn call(&mut self, cost: u32, at: DateTime<Utc>) -> Result<(), u32> {
            let charge = self.rate.charge(cost).unwrap();
            let decision = charge.decide(self.empty_at, at);
            if let Decision::Admitted { empty_at } = decision {
                self.empty_at = Some(empty_at);
                self.counted.push((at, cost));
            }
            let verdict = charge.verdict(decision, at);
            assert_eq!(verdict.remaining, self.remaining(at));
            if verdict.allowed { Ok(()) } else { Err(verdict.retry_after_seconds) }
        }

        fn remaining(&self, at: DateTime<Utc>) -> u32 {
            self.rate.look(self.empty_at, at).remaining
        }
    }

    #[test]
    fn a_new_key_admits_its_limit_at_once_and_no_more() {
        let mut key = given(ten_a_minute()).calls(10, NOON);
        assert_eq!((key.call(1, NOON), key.remaining(NOON)), (Err(6), 0));
    }

    #[test]
    fn calls_run_out_one_by_one_and_all_of_them_within_the_window() {
        let mut key = given(ten_a_minute()).calls(10, NOON);
        let tick = TimeDelta::microseconds(1);
        assert_eq!(key.call(1, after(6) - tick), Err(1));
        assert_eq!((key.remaining(after(6)), key.remaining(after(59)), key.remaining(after(60))), (1, 9, 10));
        assert_eq!(key.call(1, after(6)), Ok(()));
        assert_eq!(key.call(1, after(6)), Err(6));
    }

    #[test]
    fn who_only_looks_is_told_what_a_call_of_one_would_be() {
        let looked = |key: &Key, at| {
            let Verdict { allowed, remaining, retry_after_seconds } = key.rate.look(key.empty_at, at);
            (allowed, remaining, retry_after_seconds)
        };
        let key = given(ten_a_minute());
        assert_eq!(looked(&key, NOON), (true, 10, 0));
        let key = key.calls(10, NOON);
        assert_eq!(looked(&key, after(1)), (false, 0, 5));
        assert_eq!(looked(&key, after(6)), (true, 1, 0));
    }

    #[test]
    fn a_refused_call_counts_nothing() {
        let mut key = given(ten_a_minute()).calls(10, NOON);
        for second in 1..6 {
            assert!(key.call(1, after(second)).is_err());
        }
        assert_eq!(key.call(1, after(6)), Ok(()));
    }

    #[test]
    fn a_dear_call_waits_for_as_much_room_as_it_takes() {
        let mut key = given(ten_a_minute()).calls(8, NOON);
        assert_eq!(key.call(5, NOON), Err(18));
        assert_eq!(key.call(2, NOON), Ok(()), "a cheaper one still fits");
        assert_eq!(key.call(10, after(59)), Err(1));
        assert_eq!(key.call(10, after(60)), Ok(()));
    }

    #[test]
    fn a_key_that_was_left_alone_saves_nothing_up() {
        let mut key = given(ten_a_minute()).calls(1, NOON).calls(10, after(86_400));
        assert!(key.call(1, after(86_400)).is_err());
    }

    #[test]
    fn a_clock_behind_the_last_call_admits_no_more_than_one_that_stands_still() {
        let mut key = given(ten_a_minute()).calls(10, NOON);
        assert_eq!((key.call(1, after(-30)), key.remaining(after(-30))), (Err(36), 0));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for bad in ["", " ", "a b", "caf\u{e9}", "a\0", "a*", &"x".repeat(129)] {
            assert_eq!(ThrottleKey::parse(bad.to_owned()), Err(Invalid::Key), "{bad:?}");
        }
        for good in ["a", "sign-in:v1/0_9.AZ", &"x".repeat(128)] {
            assert_eq!(ThrottleKey::parse(good.to_owned()).unwrap().as_str(), good);
        }
        assert_eq!(Rate::new(0, 60), Err(Invalid::Limit));
        assert_eq!(Rate::new(1_000_001, 60), Err(Invalid::Limit));
        assert_eq!(Rate::new(10, 0), Err(Invalid::Window));
        assert_eq!(Rate::new(10, 86_401), Err(Invalid::Window));
        assert_eq!(ten_a_minute().charge(0), Err(Invalid::Cost));
        assert_eq!(ten_a_minute().charge(11), Err(Invalid::Cost), "it would never be admitted");
        assert_eq!([0, 1_000_001].map(Returned::new), [Err(Invalid::Cost); 2]);
    }

    #[test]
    fn the_widest_and_the_narrowest_rates_hold_their_limit() {
        for (limit, window) in [(1, 1), (1, 86_400), (1_000_000, 1), (999_999, 1), (1_000_000, 86_400)] {
            let mut key = given(Rate::new(limit, window).unwrap());
            assert_eq!(key.call(limit, NOON), Ok(()), "{limit} in {window} s");
            assert!(key.call(1, NOON).is_err(), "{limit} in {window} s");
            assert_eq!(key.remaining(after(86_402)), limit, "{limit} in {window} s");
        }
    }

    proptest! {
        /// The bound of the scheme, from the first call of every span to its last.
        #[test]
        fn no_span_of_time_counts_more_than_the_limit_and_what_runs_out_in_it(
            limit in 1..40_u32,
            window in 1..120_u32,
            calls in prop::collection::vec((0..20_000_000_i64, 1..6_u32), 1..150),
        ) {
            let mut key = given(Rate::new(limit, window).unwrap());
            let mut now = NOON;
            for (pause, cost) in calls {
                now += TimeDelta::microseconds(pause / i64::from(limit));
                let _ = key.call(cost.min(limit), now);
            }
            for (first, (start, _)) in key.counted.iter().enumerate() {
                let mut counted = 0;
                for (end, cost) in &key.counted[first..] {
                    counted += i128::from(*cost);
                    let span = i128::from((*end - *start).num_microseconds().unwrap());
                    let ran_out = span * i128::from(limit) / (i128::from(window) * 1_000_000);
                    prop_assert!(counted <= i128::from(limit) + ran_out, "{counted} in {span} us");
                }
            }
        }

        #[test]
        fn who_waits_as_told_is_admitted_and_who_waits_a_second_less_is_not(
            limit in 1..1_000_u32,
            window in 1..86_401_u32,
            used in 1..1_000_u32,
            cost in 1..1_000_u32,
        ) {
            let mut key = given(Rate::new(limit, window).unwrap());
            let (used, cost) = (used.min(limit), cost.min(limit));
            prop_assert_eq!(key.call(used, NOON), Ok(()));
            match key.call(cost, NOON) {
                Ok(()) => prop_assert!(used + cost <= limit),
                Err(wait) => {
                    prop_assert!(used + cost > limit);
                    let wait = i64::from(wait);
                    prop_assert!(wait == 1 || key.call(cost, after(wait - 1)).is_err());
                    prop_assert_eq!(key.call(cost, after(wait)), Ok(()));
                }
            }
        }

        #[test]
        fn what_is_said_to_remain_is_admitted_and_one_more_is_not(
            limit in 2..1_000_u32,
            window in 1..86_401_u32,
            used in 1..1_000_u32,
            later in 0..90_000_i64,
        ) {
            let mut key = given(Rate::new(limit, window).unwrap());
            prop_assert_eq!(key.call(used.min(limit), NOON), Ok(()));
            let remaining = key.remaining(after(later));
            if remaining < limit {
                prop_assert!(key.call(remaining + 1, after(later)).is_err());
            }
            if remaining > 0 {
                prop_assert_eq!(key.call(remaining, after(later)), Ok(()));
            }
        }
    }
}
