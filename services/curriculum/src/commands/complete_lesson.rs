use kernel::{Error, EventCodec, NewEvent};

use super::{Cx, meta};
use crate::domain::access::{Denied, Viewer, check_lesson};
use crate::domain::course::{Outline, count};
use crate::domain::enrolment::{Enrolment, Event, decide_complete, stream};
use crate::error;
use crate::postgres::enrolments;

/// Progress after a lesson was completed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Completion {
    pub(crate) completed: u32,
    pub(crate) total: u32,
    /// Ordinal and title of the stage that this lesson opened.
    pub(crate) unlocked: Option<(u32, String)>,
}

pub(crate) async fn complete_lesson(
    cx: &Cx,
    slug: &str,
    lesson: &str,
    viewer: &Viewer,
) -> Result<Completion, Error> {
    let outline = cx.course(slug).await?;
    let mut opened = cx.store.open(&stream(&outline.id, &viewer.user)).await?;
    let mut history = opened.load::<Event>().await?;
    let enrolment = Enrolment::replay(&history);
    let denied = match check_lesson(viewer, &outline, &enrolment, lesson) {
        Err(denied) => Some(denied),
        // Staff may read without enrolling; progress needs an enrolment.
        Ok(_) => (!enrolment.started).then_some(Denied::NotEnrolled),
    };
    if let Some(denied) = denied {
        opened.rollback().await;
        return Err(error::denied(&denied, &outline));
    }
    let events = decide_complete(&enrolment, &outline, &viewer.user, lesson);
    if events.is_empty() {
        opened.rollback().await;
        return Ok(completion(&outline, &enrolment, &enrolment));
    }
    let now = cx.clock.now();
    let encoded: Vec<NewEvent> = events.iter().map(Event::encode).collect();
    let mut appended = opened.append(&encoded, &meta(now, &viewer.user)).await?;
    enrolments::record(appended.tx(), &events, now).await?;
    appended.commit().await?;
    history.extend(events);
    Ok(completion(&outline, &enrolment, &Enrolment::replay(&history)))
}

fn completion(outline: &Outline, before: &Enrolment, after: &Enrolment) -> Completion {
    let stage = after.highest_stage(outline);
    let unlocked =
        (stage > before.highest_stage(outline)).then(|| (stage, outline.stage_title(stage).to_owned()));
    Completion {
        completed: count(after.lessons_completed(outline)),
        total: count(outline.lessons.len()),
        unlocked,
    }
}
