use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use async_nats::jetstream::Message;
use eventstore::{Backoff, RecordedEvent, bus};
use tokio::time::Instant;

use crate::checkpoint::{Applied, Checkpoint, Stuck};
use crate::feed::{Feed, durable_name};
use crate::{ApplyError, Projector, ReadError};

/// Events asked for at once when the bus left a hole.
const READ: u32 = 500;

/// Why a follower pauses. It starts again from its checkpoint.
#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error("the bus: {0}")]
    Bus(String),
    #[error(transparent)]
    Log(#[from] ReadError),
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Stuck(#[from] Stuck),
    #[error("the log of {store} answered position {got} after {after}")]
    Hole { store: &'static str, after: u64, got: u64 },
}

/// One projection following one store.
pub(crate) struct Follower<'a> {
    projector: &'a Projector,
    checkpoint: Checkpoint<'a>,
    store: &'static str,
}

impl<'a> Follower<'a> {
    pub(crate) fn new(projector: &'a Projector, store: &'static str) -> Self {
        let checkpoint = Checkpoint {
            pool: &projector.pool,
            projection: projector.projection.as_ref(),
            store,
            clock: projector.clock.as_ref(),
        };
        Self { projector, checkpoint, store }
    }

    fn name(&self) -> &'static str {
        self.projector.projection.name()
    }

    pub(crate) async fn run(&self) -> Infallible {
        // A poisoned event costs a look now and then; everything else is tried again soon.
        let mut soon = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
        let mut alarmed = Backoff::new(Duration::from_secs(1), Duration::from_mins(1));
        let mut before = None;
        loop {
            let started = Instant::now();
            let error = match Box::pin(self.session()).await {
                Ok(never) => match never {},
                Err(error) => error,
            };
            if started.elapsed() > Duration::from_secs(10) {
                soon.reset();
            }
            let poison = poison_of(&error);
            if poison != before {
                alarmed.reset();
                before = poison;
            }
            self.report(&error, poison);
            let pause = if poison.is_some() { alarmed.step() } else { soon.step() };
            tokio::time::sleep(pause).await;
        }
    }

    fn report(&self, error: &FollowError, poison: Option<u64>) {
        let (projection, store) = (self.name(), self.store);
        if let Some(position) = poison {
            tracing::error!(projection, store, position, %error, "a poisoned event stops the projection");
        } else {
            tracing::warn!(projection, store, %error, "the projection pauses");
        }
        metrics::gauge!("projection_poisoned", "projection" => projection, "store" => store)
            .set(if poison.is_some() { 1.0 } else { 0.0 });
        self.projector.status.update(store, |report| {
            report.problem = Some(error.to_string());
            report.poison = poison;
        });
    }

    /// Catches up from the owner, then follows the bus until something fails.
    async fn session(&self) -> Result<Infallible, FollowError> {
        let schema: String =
            sqlx::query_scalar("select current_schema()").fetch_one(&self.projector.pool).await?;
        let mut at = self.checkpoint.load().await?;
        at = self.try_catch_up(at).await?;
        let stream = bus::stream_name(&self.projector.namespace, self.store);
        let durable = durable_name(&schema, self.name());
        let mut feed =
            Feed::open(&self.projector.nats, &stream, &durable, at).await.map_err(FollowError::Bus)?;
        self.progress(at);
        let mut silent = 0;
        loop {
            tokio::select! {
                messages = feed.next() => {
                    at = self.take(at, messages.map_err(FollowError::Bus)?).await?;
                    silent = 0;
                }
                () = tokio::time::sleep(self.projector.catch_up_every) => {
                    let before = self.checkpoint.load().await?;
                    at = self.try_catch_up(before).await?;
                    silent = if at > before { silent + 1 } else { 0 };
                    self.progress(at);
                }
            }
            // Events came, but twice not by this consumer: it may believe that it has delivered
            // sequences of which the stream, rolled back and filled again, knows nothing.
            if silent == 2 {
                feed.remove().await.map_err(FollowError::Bus)?;
                return Err(FollowError::Bus("the consumer delivered nothing".to_owned()));
            }
        }
    }

    /// While the owner is away the bus may still bring events.
    async fn try_catch_up(&self, at: u64) -> Result<u64, FollowError> {
        match self.catch_up(at, u64::MAX).await {
            Err(FollowError::Log(error)) => {
                tracing::warn!(projection = self.name(), store = self.store, %error, "cannot ask the owner");
                Ok(self.checkpoint.load().await?)
            }
            outcome => outcome,
        }
    }

    /// Applies the log from behind `at` up to `until`, or to its head.
    async fn catch_up(&self, mut at: u64, until: u64) -> Result<u64, FollowError> {
        while at < until {
            let limit = u32::try_from(until - at).unwrap_or(u32::MAX).min(READ);
            let events = self.projector.logs.read(self.store, at, limit).await?;
            if events.is_empty() {
                break;
            }
            at = self.apply_all(at, events).await?;
        }
        Ok(at)
    }

    /// Takes messages as they came, in any order, with repetitions and holes.
    async fn take(&self, mut at: u64, messages: Vec<Message>) -> Result<u64, FollowError> {
        let mut events = BTreeMap::new();
        for message in &messages {
            match bus::parse(self.store, message.headers.as_ref(), &message.payload) {
                Ok(event) => drop(events.insert(event.position, event)),
                // Whoever wrote this: the owner's log decides, so nothing is lost by going on.
                Err(error) => tracing::error!(store = self.store, %error, "not an event of this store"),
            }
        }
        while let Some((first, _)) = events.first_key_value() {
            if *first > at + 1 {
                let before = *first - 1;
                metrics::counter!("projection_holes_total", "projection" => self.name(), "store" => self.store)
                    .increment(1);
                // Another replica may have taken the missing ones.
                at = self.catch_up(self.checkpoint.load().await?.max(at), before).await?;
                if at < before {
                    return Err(FollowError::Hole { store: self.store, after: at, got: before + 1 });
                }
            }
            let mut run: Vec<RecordedEvent> = Vec::new();
            while let Some((position, event)) = events.pop_first() {
                if position <= at {
                    continue;
                }
                if position != at + 1 + run.len() as u64 {
                    events.insert(position, event);
                    break;
                }
                run.push(event);
            }
            at = self.apply_all(at, run).await?;
        }
        for message in messages {
            // An acknowledgement that is lost costs a redelivery.
            if let Err(error) = message.ack().await {
                tracing::debug!(%error, "acknowledging failed");
            }
        }
        Ok(at)
    }

    /// Applies events that must follow each other from `at + 1`.
    async fn apply_all(&self, mut at: u64, mut events: Vec<RecordedEvent>) -> Result<u64, FollowError> {
        for (expected, event) in (at + 1..).zip(&events) {
            if event.position != expected {
                return Err(FollowError::Hole {
                    store: self.store,
                    after: expected - 1,
                    got: event.position,
                });
            }
        }
        let mut prepared = 0;
        while !events.is_empty() {
            if prepared == 0 {
                prepared = self.prepare(at, &events).await?;
            }
            let now = match self.checkpoint.apply(at, &events[..prepared]).await? {
                Applied::UpTo(now) => {
                    let (projection, store) = (self.name(), self.store);
                    metrics::counter!("projection_applied_total", "projection" => projection, "store" => store)
                        .increment(now - at);
                    now
                }
                // Moved back for a rebuild: what is at hand lies too far ahead.
                Applied::Elsewhere(now) if now < at => return Ok(now),
                Applied::Elsewhere(now) => now,
            };
            prepared = prepared.saturating_sub(usize::try_from(now - at).unwrap_or(usize::MAX));
            at = now;
            self.progress(at);
            events.retain(|event| event.position > at);
            if events.first().is_some_and(|event| event.position > at + 1) {
                break;
            }
        }
        Ok(at)
    }

    /// Makes the first events ready, as many as can be, and says how many: at least one. One that
    /// cannot must not hold up those before it.
    async fn prepare(&self, at: u64, events: &[RecordedEvent]) -> Result<usize, Stuck> {
        let mut count = events.len();
        loop {
            match self.projector.projection.prepare(&events[..count]).await {
                Ok(()) => return Ok(count),
                Err(ApplyError::Poison(_)) if count > 1 => count /= 2,
                Err(error) => return Err(Stuck { position: at + 1, error }),
            }
        }
    }

    fn progress(&self, at: u64) {
        let (projection, store) = (self.name(), self.store);
        #[expect(clippy::cast_precision_loss, reason = "a gauge; positions stay below 2^53")]
        metrics::gauge!("projection_position", "projection" => projection, "store" => store).set(at as f64);
        metrics::gauge!("projection_poisoned", "projection" => projection, "store" => store).set(0.0);
        self.projector.status.update(store, |report| {
            report.position = at;
            report.problem = None;
            report.poison = None;
        });
    }
}

fn poison_of(error: &FollowError) -> Option<u64> {
    match error {
        FollowError::Stuck(Stuck { position, error: ApplyError::Poison(_) }) => Some(*position),
        _ => None,
    }
}
