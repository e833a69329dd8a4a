//! What a student may see of a course, and the filter that every retrieval must carry.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The course as curriculum opened it to the caller of this turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    pub course_id: String,
    pub course_slug: String,
    pub course_title: String,
    /// Content version that is published now.
    pub version: String,
    highest_stage: u32,
    lesson_stage: Arc<BTreeMap<String, u32>>,
}

impl Access {
    pub fn new(course_slug: &str, granted: api::curriculum::GetAccessResponse) -> Self {
        Self {
            course_id: granted.course_id,
            course_slug: course_slug.to_owned(),
            course_title: granted.course_title,
            version: granted.version,
            highest_stage: granted.highest_stage,
            lesson_stage: Arc::new(granted.lesson_stage.into_iter().collect()),
        }
    }

    /// The lesson the page claims to be, if it exists and is open: a claim is not to be trusted.
    pub fn open_lesson(&self, slug: &str) -> Option<String> {
        let stage = self.lesson_stage.get(slug)?;
        (*stage <= self.highest_stage).then(|| slug.to_owned())
    }

    /// The only way to a [`StageFilter`].
    pub fn stage_filter(&self) -> StageFilter {
        StageFilter {
            course_id: self.course_id.clone(),
            highest_stage: self.highest_stage,
            lesson_stage: Arc::clone(&self.lesson_stage),
        }
    }
}

/// Which passages a student may be shown. Made from an [`Access`] and from nothing else, so that
/// no query can be built without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageFilter {
    course_id: String,
    highest_stage: u32,
    lesson_stage: Arc<BTreeMap<String, u32>>,
}

impl StageFilter {
    pub fn course_id(&self) -> &str {
        &self.course_id
    }

    /// Stages 1 up to this one are open. Adapters put it into the search itself.
    pub fn highest_stage(&self) -> u32 {
        self.highest_stage
    }

    /// Whether a passage may be shown. Also asks for the lesson's stage in the version published
    /// now: an index may still hold the version before, where the lesson stood elsewhere.
    pub fn admits(&self, lesson_slug: &str, indexed_stage: u32) -> bool {
        indexed_stage <= self.highest_stage
            && self.lesson_stage.get(lesson_slug).is_some_and(|stage| *stage <= self.highest_stage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(highest_stage: u32) -> Access {
        let lesson_stage = [("intro", 1), ("ownership", 2), ("traits", 3)];
        Access::new(
            "rust",
            api::curriculum::GetAccessResponse {
                course_id: "crs_1".into(),
                version: "v1".into(),
                course_title: "Rust".into(),
                highest_stage,
                lesson_stage: lesson_stage.map(|(slug, stage)| (slug.to_owned(), stage)).into(),
            },
        )
    }

    #[test]
    fn a_claimed_lesson_counts_only_when_it_exists_and_is_open() {
        assert_eq!(access(2).open_lesson("ownership").as_deref(), Some("ownership"));
        assert_eq!(access(2).open_lesson("traits"), None);
        assert_eq!(access(2).open_lesson("no-such-lesson"), None);
    }

    #[test]
    fn a_lesson_that_moved_to_a_locked_stage_is_not_admitted_from_an_older_index() {
        let filter = access(2).stage_filter();
        assert!(filter.admits("ownership", 2));
        assert!(!filter.admits("traits", 2), "locked in the version of now");
        assert!(!filter.admits("ownership", 3), "locked in the version of the index");
        assert!(!filter.admits("gone", 1));
    }
}
