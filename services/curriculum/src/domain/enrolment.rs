use std::collections::BTreeSet;

use api::events::curriculum::{EnrolmentStarted, LessonCompleted, StageUnlocked};
use kernel::{CourseId, UserId};

use super::course::{Outline, UnlockPolicy};

kernel::events! {
    /// What happens to an enrolment.
    pub(crate) enum Event {
        Started(EnrolmentStarted) = "enrolment.started" @ 1,
        LessonCompleted(LessonCompleted) = "enrolment.lesson_completed" @ 1,
        StageUnlocked(StageUnlocked) = "enrolment.stage_unlocked" @ 1,
    }
}

/// A student's way through a course. Lessons go by their slugs, which outlive a course version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Enrolment {
    pub(crate) started: bool,
    pub(crate) completed: BTreeSet<String>,
    /// Highest stage that was ever recorded as unlocked; 1 from the start.
    pub(crate) recorded_stage: u32,
}

impl Enrolment {
    pub(crate) fn replay(events: &[Event]) -> Self {
        events.iter().fold(Self::default(), Self::apply)
    }

    fn apply(mut self, event: &Event) -> Self {
        match event {
            Event::Started(_) => {
                self.started = true;
                self.recorded_stage = self.recorded_stage.max(1);
            }
            Event::LessonCompleted(done) => {
                self.completed.insert(done.lesson_slug.clone());
            }
            Event::StageUnlocked(unlocked) => {
                self.recorded_stage = self.recorded_stage.max(unlocked.stage);
            }
        }
        self
    }

    /// Stages `1..=n` are open. What was open once stays open when a new version of the course adds
    /// lessons to a stage before it; and a lesson that was taken out holds nobody up.
    pub(crate) fn highest_stage(&self, outline: &Outline) -> u32 {
        let last = outline.last_stage();
        if outline.unlock == UnlockPolicy::Open {
            return last;
        }
        let earned = (1..=last)
            .find(|stage| outline.lessons_of(*stage).any(|lesson| !self.completed.contains(&lesson.slug)))
            .unwrap_or(last);
        earned.max(self.recorded_stage).min(last)
    }

    /// How many lessons of this version are complete.
    pub(crate) fn lessons_completed(&self, outline: &Outline) -> usize {
        outline.lessons.iter().filter(|lesson| self.completed.contains(&lesson.slug)).count()
    }
}

pub(crate) fn stream(course: &CourseId, user: &UserId) -> String {
    format!("enrolment-{course}-{user}")
}

/// Nothing where the student is enrolled already.
pub(crate) fn decide_enrol(enrolment: &Enrolment, course: &CourseId, user: &UserId) -> Option<Event> {
    (!enrolment.started).then(|| {
        Event::Started(EnrolmentStarted { course_id: course.to_string(), user_id: user.to_string() })
    })
}

/// Nothing where the lesson is complete already. That the student may see the lesson is for the
/// caller to check.
pub(crate) fn decide_complete(
    enrolment: &Enrolment,
    outline: &Outline,
    user: &UserId,
    lesson: &str,
) -> Vec<Event> {
    if enrolment.completed.contains(lesson) {
        return Vec::new();
    }
    let (course_id, user_id) = (outline.id.to_string(), user.to_string());
    let done = Event::LessonCompleted(LessonCompleted {
        course_id: course_id.clone(),
        user_id: user_id.clone(),
        lesson_slug: lesson.to_owned(),
    });
    let after = enrolment.clone().apply(&done);
    let mut events = vec![done];
    if outline.unlock == UnlockPolicy::Sequential {
        let stages = enrolment.recorded_stage + 1..=after.highest_stage(outline);
        events.extend(stages.map(|stage| {
            Event::StageUnlocked(StageUnlocked {
                course_id: course_id.clone(),
                user_id: user_id.clone(),
                stage,
            })
        }));
    }
    events
}

#[cfg(test)]
mod tests {
    use super::super::course::LessonEntry;
    use super::*;

    /// A lesson per letter: `["ab", "c"]` has two stages.
    fn course(unlock: UnlockPolicy, stages: &[&str]) -> Outline {
        let entry = |slug: char, stage: u32| LessonEntry {
            slug: slug.to_string(),
            title: slug.to_string(),
            number: None,
            stage,
            exercise_count: 0,
        };
        Outline {
            id: CourseId::from("crs_1"),
            slug: "c".to_owned(),
            version: "v".to_owned(),
            title: "C".to_owned(),
            description: String::new(),
            unlock,
            stages: stages.iter().map(|lessons| format!("Stage of {lessons}")).collect(),
            lessons: (1..)
                .zip(stages)
                .flat_map(|(stage, lessons)| lessons.chars().map(move |slug| entry(slug, stage)))
                .collect(),
        }
    }

    fn user() -> UserId {
        UserId::from("u1")
    }

    fn enrolled() -> Vec<Event> {
        decide_enrol(&Enrolment::default(), &CourseId::from("crs_1"), &user()).into_iter().collect()
    }

    fn complete(events: &mut Vec<Event>, outline: &Outline, lesson: &str) -> Vec<u32> {
        let new = decide_complete(&Enrolment::replay(events), outline, &user(), lesson);
        events.extend(new.clone());
        new.iter()
            .filter_map(|event| match event {
                Event::StageUnlocked(unlocked) => Some(unlocked.stage),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn enrolling_twice_records_once() {
        let state = Enrolment::replay(&enrolled());
        assert!(state.started);
        assert_eq!(decide_enrol(&state, &CourseId::from("crs_1"), &user()), None);
    }

    #[test]
    fn a_stage_opens_when_the_last_lesson_of_the_one_before_is_complete() {
        let outline = course(UnlockPolicy::Sequential, &["ab", "c", "d"]);
        let mut events = enrolled();
        assert_eq!(Enrolment::replay(&events).highest_stage(&outline), 1);
        assert!(complete(&mut events, &outline, "b").is_empty());
        assert_eq!(complete(&mut events, &outline, "a"), [2]);
        assert_eq!(Enrolment::replay(&events).highest_stage(&outline), 2);
        assert_eq!(complete(&mut events, &outline, "c"), [3]);
        assert!(complete(&mut events, &outline, "d").is_empty());
        assert_eq!(Enrolment::replay(&events).highest_stage(&outline), 3);
    }

    #[test]
    fn completing_a_lesson_again_records_nothing() {
        let outline = course(UnlockPolicy::Sequential, &["a", "b"]);
        let mut events = enrolled();
        assert_eq!(complete(&mut events, &outline, "a"), [2]);
        let recorded = events.len();
        assert!(complete(&mut events, &outline, "a").is_empty());
        assert_eq!(events.len(), recorded);
    }

    #[test]
    fn lessons_completed_ahead_open_several_stages_at_once() {
        let outline = course(UnlockPolicy::Sequential, &["a", "b", "c"]);
        let mut events = enrolled();
        assert!(complete(&mut events, &outline, "b").is_empty());
        assert_eq!(complete(&mut events, &outline, "a"), [2, 3]);
    }

    #[test]
    fn an_open_course_has_nothing_to_unlock() {
        let outline = course(UnlockPolicy::Open, &["a", "b"]);
        let mut events = enrolled();
        assert_eq!(Enrolment::replay(&events).highest_stage(&outline), 2);
        assert!(complete(&mut events, &outline, "a").is_empty());
    }

    #[test]
    fn a_new_version_closes_no_stage_and_holds_nobody_up() {
        let old = course(UnlockPolicy::Sequential, &["ab", "c", "d"]);
        let mut events = enrolled();
        complete(&mut events, &old, "a");
        // `b` was taken out: all that is left of stage 1 is complete.
        let shorter = course(UnlockPolicy::Sequential, &["a", "c", "d"]);
        assert_eq!(Enrolment::replay(&events).highest_stage(&shorter), 2);
        complete(&mut events, &old, "b");
        // `x` came in: stage 2 is open already and stays open.
        let longer = course(UnlockPolicy::Sequential, &["abx", "c", "d"]);
        let state = Enrolment::replay(&events);
        assert_eq!((state.highest_stage(&longer), state.lessons_completed(&longer)), (2, 2));
        // Fewer stages than were unlocked.
        assert_eq!(state.highest_stage(&course(UnlockPolicy::Sequential, &["abcx"])), 1);
    }
}
