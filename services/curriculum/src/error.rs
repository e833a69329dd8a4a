//! Every reason this service reports, in one place.

use kernel::{Error, ErrorCode};

use crate::domain::access::Denied;
use crate::domain::course::Outline;

pub(crate) fn unauthenticated() -> Error {
    Error::new(ErrorCode::Unauthenticated, "UNAUTHENTICATED", "Please sign in.")
}

pub(crate) fn email_not_verified() -> Error {
    Error::denied("EMAIL_NOT_VERIFIED", "Please confirm your e-mail address first.")
}

pub(crate) fn course_not_found() -> Error {
    Error::not_found("COURSE_NOT_FOUND", "There is no such course.")
}

pub(crate) fn version_not_found() -> Error {
    Error::not_found("COURSE_VERSION_NOT_FOUND", "This version of the course is no longer kept.")
}

pub(crate) fn lesson_not_found() -> Error {
    Error::not_found("LESSON_NOT_FOUND", "There is no such lesson.")
}

pub(crate) fn asset_not_found() -> Error {
    Error::not_found("ASSET_NOT_FOUND", "There is no such file.")
}

pub(crate) fn not_enrolled() -> Error {
    Error::denied("NOT_ENROLLED", "Please enrol in this course first.")
}

pub(crate) fn denied(denied: &Denied, outline: &Outline) -> Error {
    match denied {
        Denied::EmailNotVerified => email_not_verified(),
        Denied::LessonNotFound => lesson_not_found(),
        Denied::NotEnrolled => not_enrolled(),
        Denied::StageLocked(stage) => {
            let title = outline.stage_title(*stage);
            Error::denied("STAGE_LOCKED", format!("The stage “{title}” is still locked."))
                .with("stage_title", title)
                .with("unlocks_when", outline.unlocks_when(*stage))
        }
    }
}
