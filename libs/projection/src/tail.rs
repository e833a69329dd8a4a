use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_trait::async_trait;
use chrono::TimeDelta;
use eventstore::{Backoff, RecordedEvent, bus};
use futures::StreamExt;
use kernel::Clock;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::{EventLogReader, Head, ReadError};

/// How often the owner is asked how far its log is.
const CONFIRM_EVERY: Duration = Duration::from_millis(250);
/// How long an answer to that is waited for.
const PATIENCE: Duration = Duration::from_millis(250);
/// The bus brings an event within this time; then the owner is asked for it.
const BUS_GRACE: Duration = Duration::from_millis(100);
const READ: u32 = 500;

/// What a [`Tail`] keeps up to date: something in memory, made anew at each start.
#[async_trait]
pub trait Observer: Send + Sync + 'static {
    /// Takes what is true now; events may repeat what it holds already.
    async fn load(&self, store: &str) -> Result<(), ReadError>;

    fn observe(&self, event: &RecordedEvent);
}

/// Follows one store from now on, in memory: for replicas that hold nothing durable and must each
/// see every event within a moment.
///
/// Events come over the bus, and from the owner where the bus is slow or has lost some.
/// [`Tail::age`] says how old the copy can be at most: reading is safe only while it is small.
#[derive(Clone)]
pub struct Tail(Arc<Inner>);

struct Inner {
    store: &'static str,
    nats: async_nats::Client,
    stream: String,
    log: Arc<dyn EventLogReader>,
    observer: Arc<dyn Observer>,
    clock: Arc<dyn Clock>,
    /// Position of the last event observed; none before the first load. The lock is held while one
    /// is observed: each is, once and in order.
    applied: watch::Sender<Option<u64>>,
    /// What the owner said last.
    heard: Mutex<Option<Head>>,
    /// Everything that was committed before this moment has been observed.
    confirmed: Mutex<Option<Instant>>,
}

#[derive(Debug, thiserror::Error)]
enum TailError {
    #[error("the bus: {0}")]
    Bus(String),
    #[error(transparent)]
    Log(#[from] ReadError),
    #[error("the owner is away, and had not published everything")]
    Unpublished,
    #[error("the log ends at {0}, before what was read of it")]
    Rewound(u64),
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail").field("store", &self.0.store).finish_non_exhaustive()
    }
}

impl Tail {
    pub fn new(
        store: &'static str,
        (nats, namespace): (async_nats::Client, &str),
        log: Arc<dyn EventLogReader>,
        observer: Arc<dyn Observer>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let stream = bus::stream_name(namespace, store);
        let (applied, heard, confirmed) = (watch::Sender::new(None), Mutex::default(), Mutex::default());
        Self(Arc::new(Inner { store, nats, stream, log, observer, clock, applied, heard, confirmed }))
    }

    /// Everything committed longer ago than this has been observed; none while nothing is known.
    pub fn age(&self) -> Option<Duration> {
        let confirmed = *self.0.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        confirmed.map(|at| at.elapsed())
    }

    pub async fn run(self, shutdown: CancellationToken) {
        tokio::select! {
            () = shutdown.cancelled() => {}
            _ = async { tokio::join!(self.confirm(), self.listen()) } => {}
        }
    }

    /// Asks the owner again and again how far its log is, and catches up.
    async fn confirm(&self) {
        let mut alarmed = Backoff::new(Duration::from_secs(1), Duration::from_mins(1));
        let mut quiet_until = Instant::now();
        loop {
            let started = Instant::now();
            match self.confirm_once(started).await {
                Ok(()) => alarmed.reset(),
                Err(TailError::Rewound(at)) => {
                    tracing::warn!(
                        store = self.0.store,
                        at,
                        "the log was rewound: everything is loaded anew"
                    );
                    self.0.applied.send_replace(None);
                    self.set_confirmed(None);
                }
                Err(error) if Instant::now() >= quiet_until => {
                    tracing::warn!(store = self.0.store, %error, "how far the log is cannot be told");
                    quiet_until = Instant::now() + alarmed.step();
                }
                Err(_) => {}
            }
            let age = self.age().map_or(f64::INFINITY, |age| age.as_secs_f64());
            metrics::gauge!("tail_age_seconds", "store" => self.0.store).set(age);
            sleep_until(started + CONFIRM_EVERY).await;
        }
    }

    async fn confirm_once(&self, started: Instant) -> Result<(), TailError> {
        let Some(applied) = self.position() else { return self.load().await };
        let asked_at = self.0.clock.now();
        let head = match timeout(PATIENCE, self.0.log.head(self.0.store)).await {
            Ok(Ok(head)) => {
                *self.0.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(head);
                head
            }
            Ok(Err(_)) | Err(_) => self.head_without_owner().await?,
        };
        if head.position < applied {
            return Err(TailError::Rewound(head.position));
        }
        self.reach(head.position).await?;
        let waiting = head.unsequenced_since.map_or(TimeDelta::zero(), |since| asked_at - since);
        let confirmed = started.checked_sub(waiting.to_std().unwrap_or_default());
        self.set_confirmed(confirmed);
        Ok(())
    }

    /// Nothing is recorded without its owner: what the bus has is all there is, unless the owner had
    /// more to publish when it went. What it recorded since it was last asked, and did not publish,
    /// stays unknown until it is back.
    async fn head_without_owner(&self) -> Result<Head, TailError> {
        let heard = *self.0.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let position = self.end_of_bus().await?;
        let published = |head: &Head| head.unsequenced_since.is_none() && head.position <= position;
        if heard.is_some_and(|head| published(&head)) {
            return Ok(Head { position, unsequenced_since: None });
        }
        Err(TailError::Unpublished)
    }

    async fn load(&self) -> Result<(), TailError> {
        let head = self.0.log.head(self.0.store).await?;
        self.0.observer.load(self.0.store).await?;
        self.0.applied.send_replace(Some(head.position));
        Ok(())
    }

    /// Waits until the bus has brought the event at `position`, and reads the log when it does not.
    async fn reach(&self, position: u64) -> Result<(), TailError> {
        let mut applied = self.0.applied.subscribe();
        let arrived = async {
            let reached = applied.wait_for(|applied| applied.is_some_and(|applied| applied >= position));
            reached.await.is_ok()
        };
        match timeout(BUS_GRACE, arrived).await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => self.read_up_to(position).await,
        }
    }

    async fn read_up_to(&self, position: u64) -> Result<(), TailError> {
        while let Some(applied) = self.position()
            && applied < position
        {
            let events = self.0.log.read(self.0.store, applied, READ).await?;
            if events.is_empty() {
                return Err(TailError::Rewound(applied));
            }
            for event in &events {
                self.observe(event);
            }
        }
        Ok(())
    }

    /// Says whether the event was the next one, or known already.
    fn observe(&self, event: &RecordedEvent) -> bool {
        let mut in_order = true;
        self.0.applied.send_if_modified(|applied| {
            let Some(before) = *applied else { return false };
            if event.position <= before {
                return false;
            }
            in_order = event.position == before + 1;
            if in_order {
                self.0.observer.observe(event);
                *applied = Some(event.position);
            }
            in_order
        });
        in_order
    }

    /// Takes events from the bus, for as long as the process lives.
    async fn listen(&self) {
        let mut pause = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
        loop {
            let started = Instant::now();
            let error = match Box::pin(self.subscription()).await {
                Ok(never) => match never {},
                Err(error) => error,
            };
            tracing::debug!(store = self.0.store, %error, "the bus is left for a moment");
            if started.elapsed() > Duration::from_secs(10) {
                pause.reset();
            }
            sleep(pause.step()).await;
        }
    }

    async fn subscription(&self) -> Result<Infallible, TailError> {
        let mut applied = self.0.applied.subscribe();
        let loaded = applied.wait_for(Option::is_some).await.map(|applied| *applied);
        let at = loaded.ok().flatten().unwrap_or_default();
        let bus = |error: String| TailError::Bus(error);
        let stream =
            self.context().get_stream(&self.0.stream).await.map_err(|error| bus(error.to_string()))?;
        let config = pull::OrderedConfig {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: at + 1 },
            ..pull::OrderedConfig::default()
        };
        let consumer = stream.create_consumer(config).await.map_err(|error| bus(error.to_string()))?;
        let mut messages = consumer.messages().await.map_err(|error| bus(error.to_string()))?;
        while let Some(message) = messages.next().await {
            let message = message.map_err(|error| bus(error.to_string()))?;
            let event = match bus::parse(self.0.store, message.headers.as_ref(), &message.payload) {
                Ok(event) => event,
                Err(error) => {
                    tracing::error!(store = self.0.store, %error, "not an event of this store");
                    continue;
                }
            };
            if !self.observe(&event) {
                self.read_up_to(event.position).await?;
            }
        }
        Err(bus("the subscription ended".to_owned()))
    }

    async fn end_of_bus(&self) -> Result<u64, TailError> {
        let ask = async {
            let stream =
                self.context().get_stream(&self.0.stream).await.map_err(|error| error.to_string())?;
            Ok(stream.cached_info().state.last_sequence)
        };
        let answer = timeout(PATIENCE, ask).await.unwrap_or_else(|_| Err("no answer".to_owned()));
        answer.map_err(TailError::Bus)
    }

    fn context(&self) -> jetstream::Context {
        let mut context = jetstream::new(self.0.nats.clone());
        context.set_timeout(PATIENCE);
        context
    }

    fn position(&self) -> Option<u64> {
        *self.0.applied.borrow()
    }

    fn set_confirmed(&self, at: Option<Instant>) {
        *self.0.confirmed.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}
