//! The story of a turn: it starts once and ends once, whoever reports the end.

use api::events::tutor_agent::{TurnCompleted, TurnFailed, TurnStarted};

kernel::events! {
    /// What happens to a turn; stream `turn-<id>`.
    pub enum Event {
        Started(TurnStarted) = "turn.started" @ 1,
        Completed(TurnCompleted) = "turn.completed" @ 1,
        Failed(TurnFailed) = "turn.failed" @ 1,
    }
}

/// How far a turn is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    #[default]
    Absent,
    Running,
    Finished,
}

impl Phase {
    pub fn of(events: &[Event]) -> Self {
        events.iter().fold(Self::Absent, |_, event| match event {
            Event::Started(_) => Self::Running,
            Event::Completed(_) | Event::Failed(_) => Self::Finished,
        })
    }
}

/// The stream of a turn.
pub fn stream(turn_id: &str) -> String {
    format!("turn-{turn_id}")
}

/// `None` when the turn has started before.
pub fn decide_start(phase: Phase, started: TurnStarted) -> Option<Event> {
    (phase == Phase::Absent).then_some(Event::Started(started))
}

/// `None` when the turn has ended before: by its job, or by a replica that took it for dead. The
/// first to report the end is right; a second report changes nothing.
pub fn decide_end(phase: Phase, end: Event) -> Option<Event> {
    (phase == Phase::Running && !matches!(end, Event::Started(_))).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started() -> Event {
        Event::Started(TurnStarted::default())
    }

    fn completed() -> Event {
        Event::Completed(TurnCompleted::default())
    }

    fn failed() -> Event {
        Event::Failed(TurnFailed::default())
    }

    #[test]
    fn a_turn_starts_once() {
        assert_eq!(decide_start(Phase::of(&[]), TurnStarted::default()), Some(started()));
        assert_eq!(decide_start(Phase::of(&[started()]), TurnStarted::default()), None);
    }

    #[test]
    fn a_running_turn_may_complete_or_fail() {
        assert_eq!(decide_end(Phase::of(&[started()]), completed()), Some(completed()));
        assert_eq!(decide_end(Phase::of(&[started()]), failed()), Some(failed()));
    }

    #[test]
    fn the_first_end_is_the_only_one() {
        assert_eq!(decide_end(Phase::of(&[started(), completed()]), failed()), None);
        assert_eq!(decide_end(Phase::of(&[started(), failed()]), completed()), None);
        assert_eq!(decide_end(Phase::of(&[]), completed()), None);
    }
}
