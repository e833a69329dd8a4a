//! An mdBook as a course. The book is read as it is; what cannot be taken over is reported, and
//! nothing outside of its directory is ever read.

mod book;
mod cuts;
mod directives;
mod exercise;
mod files;
#[cfg(test)]
mod fuzz;
mod manifest;
mod math;
mod page;
mod passages;
mod report;
mod rewrite;
mod sanitise;
mod slug;
mod source;
mod summary;

use std::path::Path;
use std::sync::Arc;

use eventstore::Store;
use kernel::{Clock, Entropy};

pub use report::{
    ExerciseProblem, ImportError, ImportOptions, ImportOutcome, ImportProgress, ImportReport, Skipped,
};

use crate::commands::publish_course::{PublishCourse, publish_course};
use crate::postgres::courses;

/// What an import works with.
#[derive(Debug, Clone)]
pub struct ImportDeps {
    /// The store of [`SCHEMA`](crate::SCHEMA): `Store::new(pool, curriculum::SCHEMA)`.
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

/// Publishes the book in `dir` as a course, in one transaction or not at all. The same content
/// again writes nothing. Reads files and renders on the calling task: meant for a command line.
///
/// # Errors
/// [`ImportError`]; nothing was written then.
pub async fn import_course(
    deps: &ImportDeps,
    dir: &Path,
    options: ImportOptions,
    progress: &dyn ImportProgress,
) -> Result<ImportReport, ImportError> {
    let book = book::Book::open(dir, options.slug)?;
    let published = courses::find_by_slug(deps.store.pool(), book.slug()).await?;
    let unlock = options
        .unlock
        .or(book.manifest().unlock)
        .or(published.map(|outline| outline.unlock))
        .unwrap_or_default();
    let (content, skipped) = book.read(unlock, progress)?;
    progress.publishing();
    let outcome = publish_course(deps, PublishCourse { content: &content }).await?;
    Ok(ImportReport {
        outcome: outcome.outcome,
        course_id: outcome.course_id.into_string(),
        version: outcome.version,
        stages: content.stages.len(),
        lessons: content.lessons.len(),
        exercises: content.exercises(),
        passages: content.passages(),
        assets: content.assets.len(),
        slug: content.slug,
        title: content.title,
        unlock,
        skipped,
    })
}
