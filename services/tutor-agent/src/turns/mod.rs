//! One use case per file: a turn is started, answered, finished, and recovered when its process
//! died.

mod answer_question;
mod feed;
mod finish_turn;
mod recover_turns;
mod start_turn;
mod writing;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use eventstore::{Meta, Store};
use kernel::{Clock, Entropy, Error};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Limits;
use crate::domain::access::Access;
use crate::domain::question::Question;
use crate::domain::turn::{Event, Phase, decide_end, decide_start, stream};
use crate::model::{ChatModel, OfflineTutor};
use crate::peers::{Material, Quotas, Threads};
use crate::postgres::{State, Turn, TurnTable};
use crate::retrieval::{Place, Retriever};

/// What every turn needs.
pub struct Turns {
    pub store: Store,
    pub table: TurnTable,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub quotas: Quotas,
    pub threads: Threads,
    pub material: Material,
    pub retriever: Arc<dyn Retriever>,
    pub model: Arc<dyn ChatModel>,
    pub offline: OfflineTutor,
    pub limits: Limits,
    /// Turns that run in this process.
    pub jobs: TaskTracker,
    /// Cuts them off.
    pub interrupt: CancellationToken,
}

impl std::fmt::Debug for Turns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turns")
            .field("model", &self.model.name())
            .field("running", &self.jobs.len())
            .finish_non_exhaustive()
    }
}

/// A question in its checked surroundings.
#[derive(Debug)]
struct Asked {
    question: Question,
    /// The id under which the question goes into the thread.
    item_id: String,
    access: Option<Access>,
    /// The page, once its lesson is known to exist and to be open.
    place: Option<Place>,
    begun: Instant,
}

impl Asked {
    fn elapsed_ms(&self) -> u64 {
        millis(self.begun.elapsed())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Turns {
    /// Waits, at shutdown, until the turns of this process have ended. One that takes too long is
    /// cut off and left to whoever recovers turns next.
    pub async fn drain(self: Arc<Self>, shutdown: CancellationToken) {
        shutdown.cancelled().await;
        self.jobs.close();
        if tokio::time::timeout(self.limits.drain, self.jobs.wait()).await.is_err() {
            tracing::warn!(turns = self.jobs.len(), "turns are cut off: their recovery ends them");
            self.interrupt.cancel();
            self.jobs.wait().await;
        }
        if let Err(error) = self.table.release_all(self.clock.now()).await {
            tracing::warn!(%error, "unfinished turns wait for their leases to end");
        }
    }

    /// Appends `turn.started` and sets the row running.
    async fn record_start(
        &self,
        turn: &Turn,
        started: api::events::tutor_agent::TurnStarted,
    ) -> Result<(), Error> {
        let mut opened = self.store.open(&stream(&turn.id)).await?;
        let phase = Phase::of(&opened.load().await?);
        let Some(event) = decide_start(phase, started) else {
            opened.rollback().await;
            return Ok(());
        };
        let meta = meta(&turn.user_id, self.clock.now());
        let mut appended = opened.append(&[kernel::EventCodec::encode(&event)], &meta).await?;
        TurnTable::start(appended.tx(), &turn.id).await?;
        appended.commit().await?;
        Ok(())
    }

    /// Appends the turn's end, unless it has one, and closes the row. Whether it was this one.
    async fn record_end(&self, turn: &Turn, end: Event) -> Result<bool, Error> {
        let state = if matches!(end, Event::Completed(_)) { State::Completed } else { State::Failed };
        let mut opened = self.store.open(&stream(&turn.id)).await?;
        let phase = Phase::of(&opened.load().await?);
        let Some(event) = decide_end(phase, end) else {
            opened.rollback().await;
            return Ok(false);
        };
        let now = self.clock.now();
        let mut appended =
            opened.append(&[kernel::EventCodec::encode(&event)], &meta(&turn.user_id, now)).await?;
        TurnTable::finish(appended.tx(), &turn.id, state, now).await?;
        appended.commit().await?;
        Ok(true)
    }
}

fn meta(user_id: &str, at: DateTime<Utc>) -> Meta {
    Meta {
        at,
        actor: Some(user_id.to_owned()),
        traceparent: runtime::current_traceparent(),
        subject: Some(user_id.to_owned()),
    }
}
