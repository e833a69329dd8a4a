use std::str::FromStr;

use api::events::curriculum::CoursePublished;
use kernel::CourseId;
use serde::{Deserialize, Serialize};

use super::content::Content;

kernel::events! {
    /// What happens to a course.
    pub(crate) enum Event {
        Published(CoursePublished) = "course.published" @ 1,
    }
}

/// When a stage opens to a student.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnlockPolicy {
    /// When every lesson of the stage before it is complete.
    #[default]
    Sequential,
    /// At once.
    Open,
}

impl UnlockPolicy {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Open => "open",
        }
    }
}

/// The text names no policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown unlock policy {0:?}: expected sequential or open")]
pub struct ParseUnlockPolicyError(String);

impl FromStr for UnlockPolicy {
    type Err = ParseUnlockPolicyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "sequential" => Ok(Self::Sequential),
            "open" => Ok(Self::Open),
            other => Err(ParseUnlockPolicyError(other.to_owned())),
        }
    }
}

/// A published course without its texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outline {
    pub(crate) id: CourseId,
    pub(crate) slug: String,
    pub(crate) version: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) unlock: UnlockPolicy,
    /// Titles in order; the first stage has ordinal 1.
    pub(crate) stages: Vec<String>,
    /// In reading order.
    pub(crate) lessons: Vec<LessonEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LessonEntry {
    pub(crate) slug: String,
    pub(crate) title: String,
    pub(crate) number: Option<String>,
    pub(crate) stage: u32,
    pub(crate) exercise_count: u32,
}

impl Outline {
    pub(crate) fn last_stage(&self) -> u32 {
        count(self.stages.len())
    }

    pub(crate) fn stage_title(&self, ordinal: u32) -> &str {
        let index = usize::try_from(ordinal).unwrap_or(usize::MAX).wrapping_sub(1);
        self.stages.get(index).map_or("", String::as_str)
    }

    pub(crate) fn position(&self, lesson: &str) -> Option<usize> {
        self.lessons.iter().position(|entry| entry.slug == lesson)
    }

    pub(crate) fn lessons_of(&self, stage: u32) -> impl Iterator<Item = &LessonEntry> {
        self.lessons.iter().filter(move |lesson| lesson.stage == stage)
    }

    /// What a student must do for a stage to open; for people.
    pub(crate) fn unlocks_when(&self, stage: u32) -> String {
        let before = stage.saturating_sub(1);
        format!("Complete every lesson of stage {before}, “{}”.", self.stage_title(before))
    }
}

pub(crate) fn stream(id: &CourseId) -> String {
    format!("course-{id}")
}

/// Nothing where the very same content is published already.
pub(crate) fn decide_publish(
    id: &CourseId,
    published: Option<&str>,
    content: &Content,
    version: &str,
) -> Option<Event> {
    (published != Some(version)).then(|| {
        Event::Published(CoursePublished {
            course_id: id.to_string(),
            slug: content.slug.clone(),
            title: content.title.clone(),
            version: version.to_owned(),
            stages: count(content.stages.len()),
            lessons: count(content.lessons.len()),
            exercises: count(content.exercises()),
            passages: count(content.passages()),
        })
    })
}

/// A course has far fewer than 2^32 of anything.
pub(crate) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given() -> Content {
        Content {
            slug: "algorithms".to_owned(),
            title: "Algorithms".to_owned(),
            description: String::new(),
            unlock: UnlockPolicy::Sequential,
            stages: vec!["Basics".to_owned()],
            lessons: Vec::new(),
            assets: Vec::new(),
        }
    }

    #[test]
    fn the_same_content_is_published_once() {
        let (id, content) = (CourseId::from("crs_1"), given());
        let version = content.version();
        let Some(Event::Published(event)) = decide_publish(&id, None, &content, &version) else {
            panic!("not published");
        };
        assert_eq!((event.course_id.as_str(), event.version.as_str(), event.stages), ("crs_1", &*version, 1));
        assert_eq!(decide_publish(&id, Some(&version), &content, &version), None);
    }

    #[test]
    fn any_change_is_another_version() {
        let content = given();
        let renamed = Content { title: "Data structures".to_owned(), ..given() };
        let opened = Content { unlock: UnlockPolicy::Open, ..given() };
        let picture = |body: &[u8]| Content {
            assets: vec![super::super::content::Asset::new(
                "a.png".into(),
                "image/png".into(),
                body.to_vec(),
            )],
            ..given()
        };
        assert_eq!(content.version(), given().version());
        for other in [&renamed, &opened, &picture(b"1")] {
            assert_ne!(content.version(), other.version());
        }
        assert_ne!(picture(b"1").version(), picture(b"2").version());
    }
}
