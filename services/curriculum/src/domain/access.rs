use kernel::{Role, UserId};

use super::course::{LessonEntry, Outline};
use super::enrolment::Enrolment;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Viewer {
    pub(crate) user: UserId,
    pub(crate) role: Role,
    pub(crate) email_verified: bool,
}

impl Viewer {
    /// Instructors and admins read every course as a whole, enrolled or not.
    pub(crate) fn is_staff(&self) -> bool {
        self.role >= Role::Instructor
    }
}

/// Why a lesson stays closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Denied {
    EmailNotVerified,
    LessonNotFound,
    NotEnrolled,
    StageLocked(u32),
}

/// Lessons, the tutor and enrolment need a proven address.
pub(crate) fn check_verified(viewer: &Viewer) -> Result<(), Denied> {
    if viewer.email_verified { Ok(()) } else { Err(Denied::EmailNotVerified) }
}

/// Stages `1..=n` that the viewer may read.
pub(crate) fn check_course(viewer: &Viewer, outline: &Outline, enrolment: &Enrolment) -> Result<u32, Denied> {
    check_verified(viewer)?;
    if viewer.is_staff() {
        return Ok(outline.last_stage());
    }
    if !enrolment.started {
        return Err(Denied::NotEnrolled);
    }
    Ok(enrolment.highest_stage(outline))
}

/// The lesson's place in the outline, if the viewer may read it.
pub(crate) fn check_lesson(
    viewer: &Viewer,
    outline: &Outline,
    enrolment: &Enrolment,
    lesson: &str,
) -> Result<usize, Denied> {
    check_verified(viewer)?;
    // Before the enrolment: outlines are public, so this tells nothing.
    let position = outline.position(lesson).ok_or(Denied::LessonNotFound)?;
    let highest = check_course(viewer, outline, enrolment)?;
    let stage = outline.lessons[position].stage;
    if stage > highest { Err(Denied::StageLocked(stage)) } else { Ok(position) }
}

/// What an outline shows as open, also to those who are not enrolled: the stages a new student
/// would have.
pub(crate) fn shown_stage(viewer: Option<&Viewer>, outline: &Outline, enrolment: &Enrolment) -> u32 {
    if viewer.is_some_and(Viewer::is_staff) {
        return outline.last_stage();
    }
    let newcomer = Enrolment { started: true, recorded_stage: 1, ..Enrolment::default() };
    let reader = if enrolment.started { enrolment } else { &newcomer };
    reader.highest_stage(outline)
}

/// Where to go on: the first lesson that is open and not complete. Nothing for a visitor.
pub(crate) fn next_lesson<'a>(
    viewer: Option<&Viewer>,
    outline: &'a Outline,
    enrolment: &Enrolment,
) -> Option<&'a LessonEntry> {
    if !enrolment.started && !viewer.is_some_and(Viewer::is_staff) {
        return None;
    }
    let highest = shown_stage(viewer, outline, enrolment);
    outline
        .lessons
        .iter()
        .find(|lesson| lesson.stage <= highest && !enrolment.completed.contains(&lesson.slug))
}

#[cfg(test)]
mod tests {
    use kernel::CourseId;

    use super::super::course::UnlockPolicy;
    use super::*;

    fn outline() -> Outline {
        let entry = |slug: &str, stage| LessonEntry {
            slug: slug.to_owned(),
            title: slug.to_owned(),
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
            unlock: UnlockPolicy::Sequential,
            stages: vec!["One".to_owned(), "Two".to_owned()],
            lessons: vec![entry("a", 1), entry("b", 2)],
        }
    }

    fn viewer(role: Role, email_verified: bool) -> Viewer {
        Viewer { user: UserId::from("u"), role, email_verified }
    }

    fn enrolled() -> Enrolment {
        Enrolment { started: true, recorded_stage: 1, ..Enrolment::default() }
    }

    #[test]
    fn a_student_needs_a_proven_address_an_enrolment_and_an_open_stage() {
        let (outline, none) = (outline(), Enrolment::default());
        let student = viewer(Role::Student, true);
        let check = |viewer: &Viewer, enrolment: &Enrolment, lesson| {
            check_lesson(viewer, &outline, enrolment, lesson)
        };
        assert_eq!(check(&viewer(Role::Student, false), &enrolled(), "a"), Err(Denied::EmailNotVerified));
        assert_eq!(check(&student, &none, "a"), Err(Denied::NotEnrolled));
        assert_eq!(check(&student, &enrolled(), "zzz"), Err(Denied::LessonNotFound));
        assert_eq!(check(&student, &enrolled(), "b"), Err(Denied::StageLocked(2)));
        assert_eq!(check(&student, &enrolled(), "a"), Ok(0));
        let further = Enrolment { recorded_stage: 2, ..enrolled() };
        assert_eq!(check(&student, &further, "b"), Ok(1));
    }

    #[test]
    fn staff_read_everything_without_enrolling_but_not_without_a_proven_address() {
        let (outline, none) = (outline(), Enrolment::default());
        for role in [Role::Instructor, Role::Admin] {
            assert_eq!(check_lesson(&viewer(role, true), &outline, &none, "b"), Ok(1));
            assert_eq!(check_course(&viewer(role, true), &outline, &none), Ok(2));
            assert_eq!(
                check_lesson(&viewer(role, false), &outline, &none, "b"),
                Err(Denied::EmailNotVerified)
            );
        }
    }

    #[test]
    fn an_outline_shows_a_visitor_what_a_new_student_would_have() {
        let (outline, none) = (outline(), Enrolment::default());
        assert_eq!(shown_stage(None, &outline, &none), 1);
        assert_eq!(next_lesson(None, &outline, &none), None);
        let student = viewer(Role::Student, true);
        assert_eq!(next_lesson(Some(&student), &outline, &enrolled()).map(|lesson| &*lesson.slug), Some("a"));
        assert_eq!(shown_stage(Some(&viewer(Role::Admin, true)), &outline, &none), 2);
    }
}
