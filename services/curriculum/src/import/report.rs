use std::io;
use std::path::PathBuf;

use eventstore::StoreError;

use crate::domain::course::UnlockPolicy;

/// What the operator decides about an import.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// The course's name in addresses. Otherwise `[intellistack] slug` of book.toml, otherwise the
    /// name of the directory.
    pub slug: Option<String>,
    /// Otherwise `[intellistack] unlock` of book.toml, otherwise what the published course has,
    /// otherwise sequential.
    pub unlock: Option<UnlockPolicy>,
}

/// Told how far an import is, for a progress bar. `()` listens to nothing.
pub trait ImportProgress: Send + Sync {
    /// The book lists so many pages.
    fn started(&self, pages: usize);
    /// The next page is read.
    fn page(&self, title: &str);
    /// All pages are read; the course is being written.
    fn publishing(&self);
}

impl ImportProgress for () {
    fn started(&self, _: usize) {}
    fn page(&self, _: &str) {}
    fn publishing(&self) {}
}

/// What an import did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportOutcome {
    /// The course is new.
    Created,
    /// A new version of the course is published.
    Updated,
    /// This very content is published already: nothing was written.
    Unchanged,
}

/// What came in and what did not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportReport {
    pub outcome: ImportOutcome,
    pub course_id: String,
    pub slug: String,
    pub title: String,
    pub unlock: UnlockPolicy,
    /// SHA-256 of the content, hexadecimal.
    pub version: String,
    pub stages: usize,
    pub lessons: usize,
    pub exercises: usize,
    pub passages: usize,
    pub assets: usize,
    /// Everything that was left out, with its place and reason.
    pub skipped: Vec<Skipped>,
}

/// Something of the book that is not in the course.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Relative to the book's directory.
    pub file: String,
    pub line: Option<usize>,
    pub reason: String,
}

impl std::fmt::Display for Skipped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.reason),
            None => write!(f, "{}: {}", self.file, self.reason),
        }
    }
}

/// An exercise block that cannot be taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExerciseProblem {
    /// Relative to the book's directory.
    pub file: String,
    pub line: usize,
    pub detail: String,
}

impl std::fmt::Display for ExerciseProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.detail)
    }
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("{} cannot be read", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} is no book: there is no {} in it", dir.display(), summary.display())]
    NotABook { dir: PathBuf, summary: PathBuf },
    #[error("book.toml{}: {detail}", at_line(*line))]
    Manifest { line: Option<usize>, detail: String },
    #[error("SUMMARY.md{}: {detail}", at_line(*line))]
    Summary { line: Option<usize>, detail: String },
    #[error("{0:?} is no name for a course: letters, digits and hyphens, at most 64 of them")]
    Slug(String),
    #[error("the book has no page that can be imported{}", listed(.0))]
    Empty(Vec<Skipped>),
    /// All of them. An exercise is never dropped in silence: its answer key guards the tutor.
    #[error("these exercises cannot be imported:{}", listed(.0))]
    Exercises(Vec<ExerciseProblem>),
    /// Another import of a course of this name finished while this one ran.
    #[error("another import published the course {0} at the same time: import again")]
    Raced(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn at_line(line: Option<usize>) -> String {
    line.map(|line| format!(" line {line}")).unwrap_or_default()
}

fn listed<T: std::fmt::Display>(items: &[T]) -> String {
    items.iter().map(|item| format!("\n  {item}")).collect()
}
