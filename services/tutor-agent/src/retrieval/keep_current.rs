//! Keeps the index at the published version of each course.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use eventstore::RecordedEvent;
use kernel::Error;
use projection::{ApplyError, Projection};
use sqlx::PgConnection;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{IndexedVersion, PassageIndex, RetrieveError};
use crate::peers::Material;

/// After a failure.
const AGAIN: Duration = Duration::from_secs(1);

/// Compares what is indexed with what is published: on start, when a course was published, and
/// now and then, since only one replica hears of each publication.
#[derive(Clone)]
pub struct IndexKeeper {
    index: Arc<dyn PassageIndex>,
    material: Material,
    published: Arc<Notify>,
    poll: Duration,
}

impl std::fmt::Debug for IndexKeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IndexKeeper").field("poll", &self.poll).finish_non_exhaustive()
    }
}

impl IndexKeeper {
    pub fn new(index: Arc<dyn PassageIndex>, material: Material, poll: Duration) -> Self {
        Self { index, material, published: Arc::new(Notify::new()), poll }
    }

    pub fn listener(&self) -> CoursePublishedListener {
        CoursePublishedListener(Arc::clone(&self.published))
    }

    /// Runs until `shutdown`. A failure leaves the old version in use and is tried again.
    pub async fn run(self, shutdown: CancellationToken) {
        shutdown.run_until_cancelled(self.keep()).await;
    }

    async fn keep(&self) {
        loop {
            let pause = match self.catch_up().await {
                Ok(()) => self.poll,
                Err(error) => {
                    tracing::warn!(%error, "the passage index is behind");
                    AGAIN
                }
            };
            tokio::select! {
                () = self.published.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One course that fails does not keep the others back.
    pub(crate) async fn catch_up(&self) -> Result<(), Error> {
        let published = self.material.versions().await?;
        let indexed = self.index.versions().await.map_err(failed)?;
        let mut outcome = Ok(());
        for course in published.iter().filter(|course| !indexed.contains(course)) {
            match self.build(course).await {
                Ok(passages) => {
                    tracing::info!(course = course.course_id, version = course.version, passages, "indexed");
                }
                Err(error) => outcome = Err(error),
            }
        }
        for gone in
            indexed.iter().filter(|old| !published.iter().any(|course| course.course_id == old.course_id))
        {
            self.index.remove(&gone.course_id).await.map_err(failed)?;
        }
        outcome
    }

    async fn build(&self, course: &IndexedVersion) -> Result<usize, Error> {
        let passages = self.material.passages(course).await?;
        let count = passages.len();
        self.index.replace(course, passages).await.map_err(failed)?;
        Ok(count)
    }
}

fn failed(error: RetrieveError) -> Error {
    tracing::error!(%error, "the passage index failed");
    Error::internal()
}

/// Turns curriculum's `course.published` into a look at what is published. It decodes nothing: the
/// look is the same whatever the event says, and asking twice does no harm.
#[derive(Debug)]
pub struct CoursePublishedListener(Arc<Notify>);

#[async_trait]
impl Projection for CoursePublishedListener {
    fn name(&self) -> &'static str {
        "passage_index"
    }

    fn sources(&self) -> &'static [&'static str] {
        &["curriculum"]
    }

    async fn apply(&self, _: &mut PgConnection, event: &RecordedEvent) -> Result<(), ApplyError> {
        if event.event_type == "course.published" {
            self.0.notify_one();
        }
        Ok(())
    }
}
