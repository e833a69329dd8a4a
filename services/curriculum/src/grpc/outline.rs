//! Courses as the wire carries them.

use api::curriculum::{Course, LessonLink, LessonSummary, Stage, UnlockPolicy as WirePolicy};

use crate::domain::access::{Viewer, next_lesson, shown_stage};
use crate::domain::course::{LessonEntry, Outline, UnlockPolicy, count};
use crate::domain::enrolment::Enrolment;

pub(super) fn course(outline: &Outline, viewer: Option<&Viewer>, enrolment: &Enrolment) -> Course {
    let highest = shown_stage(viewer, outline, enrolment);
    let stages = (1..=outline.last_stage()).map(|ordinal| {
        let unlocked = ordinal <= highest;
        Stage {
            ordinal,
            title: outline.stage_title(ordinal).to_owned(),
            unlocked,
            unlocks_when: (!unlocked).then(|| outline.unlocks_when(ordinal)),
            lessons: outline
                .lessons_of(ordinal)
                .map(|lesson| summary(lesson, !unlocked, enrolment))
                .collect(),
        }
    });
    Course {
        id: outline.id.to_string(),
        slug: outline.slug.clone(),
        title: outline.title.clone(),
        description: outline.description.clone(),
        enrolled: enrolment.started,
        unlock: policy(outline.unlock).into(),
        stages: stages.collect(),
        lessons_completed: count(enrolment.lessons_completed(outline)),
        lessons_total: count(outline.lessons.len()),
        next_lesson: next_lesson(viewer, outline, enrolment).map(|lesson| lesson.slug.clone()),
    }
}

pub(super) fn link(lesson: &LessonEntry, highest: u32) -> LessonLink {
    LessonLink { slug: lesson.slug.clone(), title: lesson.title.clone(), locked: lesson.stage > highest }
}

fn summary(lesson: &LessonEntry, locked: bool, enrolment: &Enrolment) -> LessonSummary {
    LessonSummary {
        slug: lesson.slug.clone(),
        title: lesson.title.clone(),
        number: lesson.number.clone(),
        completed: enrolment.completed.contains(&lesson.slug),
        locked,
        exercise_count: lesson.exercise_count,
    }
}

fn policy(unlock: UnlockPolicy) -> WirePolicy {
    match unlock {
        UnlockPolicy::Sequential => WirePolicy::Sequential,
        UnlockPolicy::Open => WirePolicy::Open,
    }
}
