use eventstore::{Meta, StoreError};
use kernel::{CourseId, EventCodec};

use crate::domain::content::Content;
use crate::domain::course::{decide_publish, stream};
use crate::import::{ImportDeps, ImportError, ImportOutcome};
use crate::postgres::contents::{self, VersionKey};
use crate::postgres::courses;

#[derive(Debug)]
pub(crate) struct PublishCourse<'a> {
    pub(crate) content: &'a Content,
}

#[derive(Debug)]
pub(crate) struct PublishedCourse {
    pub(crate) course_id: CourseId,
    pub(crate) version: String,
    pub(crate) outcome: ImportOutcome,
}

/// Puts the content in place of what the course of this slug shows now: event, texts, passages,
/// keys and images in one transaction.
pub(crate) async fn publish_course(
    deps: &ImportDeps,
    command: PublishCourse<'_>,
) -> Result<PublishedCourse, ImportError> {
    let content = command.content;
    let version = content.version();
    let known = courses::find_by_slug(deps.store.pool(), &content.slug).await?;
    let course_id = known.map_or_else(|| CourseId::generate(&*deps.entropy), |outline| outline.id);
    let now = deps.clock.now();

    let mut opened = deps.store.open(&stream(&course_id)).await?;
    let published = courses::published_version(opened.reader(), &course_id).await?;
    let Some(event) = decide_publish(&course_id, published.as_deref(), content, &version) else {
        opened.rollback().await;
        return Ok(PublishedCourse { course_id, version, outcome: ImportOutcome::Unchanged });
    };
    let meta = Meta { traceparent: runtime::current_traceparent(), ..Meta::at(now) };
    let mut appended = opened.append(&[event.encode()], &meta).await?;
    courses::publish(appended.tx(), &course_id, &content.slug, &version, now)
        .await
        .map_err(|error| raced(error, &content.slug))?;
    let key = VersionKey { course: &course_id, version: &version };
    contents::write(appended.tx(), key, published.as_deref(), content).await?;
    appended.commit().await?;
    let outcome = if published.is_some() { ImportOutcome::Updated } else { ImportOutcome::Created };
    Ok(PublishedCourse { course_id, version, outcome })
}

/// Two imports that both found no course of this name give it two ids; one of them is too late.
fn raced(error: StoreError, slug: &str) -> ImportError {
    if error.unique_violation() == Some("courses_slug") {
        ImportError::Raced(slug.to_owned())
    } else {
        ImportError::Store(error)
    }
}
