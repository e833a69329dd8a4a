//! Finding the passages of the lessons that a question is about.
//!
//! [`Retriever`] is the port. The embedded adapter keeps one BM25 index per course in memory; a
//! Qdrant adapter would implement the same two traits and run the same conformance suite.

#[cfg(test)]
mod conformance;
mod embedded;
mod fusion;
mod keep_current;

use async_trait::async_trait;

pub use embedded::EmbeddedIndex;
pub use keep_current::IndexKeeper;

use crate::domain::access::StageFilter;

/// Passages per question.
const LIMIT: usize = 5;

/// A piece of a lesson under one heading.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Passage {
    /// Stable: lesson slug, anchor, number.
    pub id: String,
    pub lesson_slug: String,
    pub lesson_title: String,
    pub stage: u32,
    pub anchor: String,
    /// Course, stage, lesson, heading, sub-heading.
    pub breadcrumb: Vec<String>,
    /// Markdown, without exercises.
    pub text: String,
    pub order: u32,
}

impl Passage {
    /// "Lesson › Heading", or the lesson alone above its first heading.
    pub fn title(&self) -> String {
        match self.breadcrumb.last() {
            Some(heading) if *heading != self.lesson_title => format!("{} › {heading}", self.lesson_title),
            _ => self.lesson_title.clone(),
        }
    }
}

impl From<api::curriculum::Passage> for Passage {
    fn from(passage: api::curriculum::Passage) -> Self {
        Self {
            id: passage.id,
            lesson_slug: passage.lesson_slug,
            lesson_title: passage.lesson_title,
            stage: passage.stage,
            anchor: passage.anchor,
            breadcrumb: passage.breadcrumb,
            text: passage.text,
            order: passage.order,
        }
    }
}

/// Where the student is reading; the lesson was checked to be open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub lesson_slug: String,
    pub anchor: String,
}

/// A search. There is none without a [`StageFilter`], and that is made from an
/// [`Access`](crate::domain::access::Access) only.
#[derive(Debug, Clone)]
pub struct Query {
    filter: StageFilter,
    text: String,
    place: Option<Place>,
    limit: usize,
}

impl Query {
    pub fn new(filter: StageFilter, text: impl Into<String>) -> Self {
        Self { filter, text: text.into(), place: None, limit: LIMIT }
    }

    #[must_use]
    pub fn at(mut self, place: Option<Place>) -> Self {
        self.place = place;
        self
    }

    pub fn filter(&self) -> &StageFilter {
        &self.filter
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    pub fn limit(&self) -> usize {
        self.limit
    }
}

/// Why nothing was retrieved. The turn goes on without passages and says so.
#[derive(Debug, thiserror::Error)]
pub enum RetrieveError {
    #[error("the course is not indexed yet")]
    NotReady,
    #[error("the index failed: {0}")]
    Failed(String),
}

/// Finds passages, best first.
#[async_trait]
pub trait Retriever: Send + Sync + 'static {
    /// # Errors
    /// [`RetrieveError::NotReady`] while the course has no index; never waits for one.
    async fn retrieve(&self, query: &Query) -> Result<Vec<Passage>, RetrieveError>;
}

/// The writing side: whole versions of a course replace each other, so that no search ever sees
/// half of one.
#[async_trait]
pub trait PassageIndex: Retriever {
    /// Builds the version beside the one in use, then swaps.
    async fn replace(&self, course: &IndexedVersion, passages: Vec<Passage>) -> Result<(), RetrieveError>;

    /// The versions in use.
    async fn versions(&self) -> Result<Vec<IndexedVersion>, RetrieveError>;

    /// Forgets a course.
    async fn remove(&self, course_id: &str) -> Result<(), RetrieveError>;
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexedVersion {
    pub course_id: String,
    pub version: String,
}
