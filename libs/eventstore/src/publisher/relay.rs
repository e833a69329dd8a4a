use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::context::{GetStreamErrorKind, PublishAckFuture};
use async_nats::jetstream::stream::{Config, RetentionPolicy, State, StorageType, Stream};
use async_nats::jetstream::{self, ErrorCode};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Publisher, PublisherError};
use crate::{Backoff, RecordedEvent, Store, bus};

/// Messages published but not yet acknowledged, at most.
const IN_FLIGHT: usize = 256;

/// Events read from Postgres at once.
const READ: u32 = 500;

/// How often the tail of the bus is compared with the log although nothing failed.
const CHECK_EVERY: Duration = Duration::from_mins(1);

/// The longest wait for an answer of the bus.
const ACK_LIMIT: Duration = Duration::from_secs(5);

/// Within this the server recognises a message that it has already; any longer than a reconnection
/// takes is of no use, since position and sequence number agree (ADR 0002).
const DUPLICATE_WINDOW: Duration = Duration::from_secs(30);

/// The bus and the log disagree, or the bus did not answer.
#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error("{0}")]
    Bus(String),
    #[error(transparent)]
    Store(#[from] crate::StoreError),
    #[error("position {position} was stored at sequence {sequence}")]
    Misplaced { position: u64, sequence: u64 },
    #[error("the bus takes messages of {bus} bytes, the store lets events take {store}")]
    PayloadLimit { bus: usize, store: usize },
    #[error(transparent)]
    Leadership(#[from] PublisherError),
}

fn bus_error(error: impl std::error::Error) -> RelayError {
    RelayError::Bus(error.to_string())
}

/// Copies the log to the bus for as long as this process leads. An error here leaves the
/// leadership alone: positions are given whether or not the bus is there.
pub(super) struct Relay<'a> {
    publisher: &'a Publisher,
    epoch: i64,
    context: Context,
    stream: String,
}

impl<'a> Relay<'a> {
    pub(super) fn new(publisher: &'a Publisher, epoch: i64) -> Self {
        let mut context = jetstream::new(publisher.nats.clone());
        context.set_timeout(ACK_LIMIT);
        let stream = bus::stream_name(&publisher.namespace, publisher.store.name());
        Self { publisher, epoch, context, stream }
    }

    fn store(&self) -> &Store {
        &self.publisher.store
    }

    pub(super) async fn run(self, mut heads: watch::Receiver<u64>) -> Result<Infallible, PublisherError> {
        let mut pauses = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));
        loop {
            let started = Instant::now();
            let error = match self.session(&mut heads).await {
                Ok(never) => match never {},
                Err(RelayError::Leadership(lost)) => return Err(lost),
                Err(error) => error,
            };
            tracing::warn!(store = self.store().name(), %error, "the relay pauses");
            metrics::counter!("eventstore_relay_failures_total", "store" => self.store().name()).increment(1);
            self.publisher.status.update(|report| report.bus = Some(error.to_string()));
            if started.elapsed() > Duration::from_secs(10) {
                pauses.reset();
            }
            tokio::time::sleep(pauses.step()).await;
        }
    }

    async fn session(&self, heads: &mut watch::Receiver<u64>) -> Result<Infallible, RelayError> {
        let (bus, store) = (self.publisher.nats.max_payload(), self.store().max_event_bytes());
        if bus < store {
            return Err(RelayError::PayloadLimit { bus, store });
        }
        let mut tail = self.reconcile().await?;
        let mut next_check = Instant::now() + CHECK_EVERY;
        loop {
            if Instant::now() >= next_check {
                tail = self.reconcile().await?;
                next_check = Instant::now() + CHECK_EVERY;
            }
            let head = *heads.borrow_and_update();
            self.report(tail, head);
            if head > tail {
                tail = self.publish(tail, head, next_check).await?;
                continue;
            }
            tokio::select! {
                changed = heads.changed() => changed.map_err(|_| PublisherError::Fenced)?,
                () = tokio::time::sleep_until(next_check) => {}
            }
        }
    }

    fn report(&self, tail: u64, head: u64) {
        let store = self.store().name();
        #[expect(clippy::cast_precision_loss, reason = "a gauge; positions stay below 2^53")]
        metrics::gauge!("eventstore_bus_lag_events", "store" => store).set(head.saturating_sub(tail) as f64);
        self.publisher.status.update(|report| {
            report.bus = None;
            report.published = tail;
        });
    }

    /// Publishes the events after `tail` up to `head` in order, and returns the new tail: `head`,
    /// or less when the time for the next check has come.
    async fn publish(&self, tail: u64, head: u64, until: Instant) -> Result<u64, RelayError> {
        let (mut sent, mut acked) = (tail, tail);
        let mut in_flight: VecDeque<(u64, PublishAckFuture)> = VecDeque::with_capacity(IN_FLIGHT);
        while sent < head && Instant::now() < until {
            let events = self.store().read(sent, READ).await?;
            if events.is_empty() {
                break;
            }
            for event in events {
                if in_flight.len() >= IN_FLIGHT
                    && let Some(oldest) = in_flight.pop_front()
                {
                    acked = self.acknowledged(oldest).await?;
                }
                sent = event.position;
                in_flight.push_back((sent, self.send(event).await?));
            }
            self.report(acked, head.max(sent));
        }
        for message in in_flight {
            acked = self.acknowledged(message).await?;
        }
        Ok(acked)
    }

    async fn send(&self, event: RecordedEvent) -> Result<PublishAckFuture, RelayError> {
        let namespace = &self.publisher.namespace;
        let subject = bus::subject(namespace, &event.store, &event.event_type);
        let headers = bus::headers(namespace, &event);
        self.context.publish_with_headers(subject, headers, event.data.into()).await.map_err(bus_error)
    }

    async fn acknowledged(&self, (position, ack): (u64, PublishAckFuture)) -> Result<u64, RelayError> {
        let ack = ack.await.map_err(bus_error)?;
        if ack.sequence != position {
            return Err(RelayError::Misplaced { position, sequence: ack.sequence });
        }
        metrics::counter!("eventstore_published_total", "store" => self.store().name()).increment(1);
        Ok(position)
    }

    /// Compares the bus with the log and returns how far the bus has come. A copy that is no
    /// prefix of the log, or has lost something in its middle, is replaced by an empty one.
    async fn reconcile(&self) -> Result<u64, RelayError> {
        let stream = self.stream().await?;
        let state = stream.get_info().await.map_err(bus_error)?.state;
        // The log's head is read after the bus's tail: a leader that is no longer one must not take
        // the work of its successor for a divergence.
        if self.is_prefix(&stream, &state).await? {
            return Ok(state.last_sequence);
        }
        self.check_leadership().await?;
        tracing::error!(
            store = self.store().name(),
            tail = state.last_sequence,
            messages = state.messages,
            "the bus diverged from the log: a new incarnation is filled from Postgres"
        );
        metrics::counter!("eventstore_incarnations_total", "store" => self.store().name()).increment(1);
        self.context.delete_stream(&self.stream).await.map_err(bus_error)?;
        self.context.create_stream(self.config()).await.map_err(bus_error)?;
        Ok(0)
    }

    async fn is_prefix(&self, stream: &Stream, state: &State) -> Result<bool, RelayError> {
        let tail = state.last_sequence;
        if tail == 0 {
            return Ok(true);
        }
        if state.first_sequence != 1 || state.messages != tail || tail > self.store().head().await? {
            return Ok(false);
        }
        let message = stream.get_raw_message(tail).await.map_err(bus_error)?;
        let copy = bus::parse(self.store().name(), Some(&message.headers), &message.payload).ok();
        let original = self.store().read(tail - 1, 1).await?.into_iter().next();
        Ok(copy.is_some() && copy == original)
    }

    async fn check_leadership(&self) -> Result<(), RelayError> {
        let epoch = current_epoch(self.store().pool()).await.map_err(PublisherError::from)?;
        if epoch == self.epoch { Ok(()) } else { Err(PublisherError::Fenced.into()) }
    }

    /// The stream, created when missing, brought up to date when its settings changed.
    async fn stream(&self) -> Result<Stream, RelayError> {
        let wanted = self.config();
        let stream = match self.context.get_stream(&self.stream).await {
            Ok(stream) => stream,
            Err(error) => match error.kind() {
                GetStreamErrorKind::JetStream(cause) if cause.error_code() == ErrorCode::STREAM_NOT_FOUND => {
                    self.context.create_stream(wanted.clone()).await.map_err(bus_error)?
                }
                _ => return Err(bus_error(error)),
            },
        };
        let mut config = stream.cached_info().config.clone();
        if config.num_replicas != wanted.num_replicas || config.subjects != wanted.subjects {
            config.num_replicas = wanted.num_replicas;
            config.subjects = wanted.subjects;
            self.context.update_stream(config).await.map_err(bus_error)?;
        }
        Ok(stream)
    }

    fn config(&self) -> Config {
        Config {
            name: self.stream.clone(),
            subjects: vec![bus::subject(&self.publisher.namespace, self.store().name(), ">")],
            storage: StorageType::File,
            retention: RetentionPolicy::Limits,
            num_replicas: self.publisher.replicas,
            duplicate_window: DUPLICATE_WINDOW,
            // The copy ends as a whole or not at all.
            deny_delete: true,
            deny_purge: true,
            ..Config::default()
        }
    }
}

async fn current_epoch(pool: &PgPool) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("select epoch from sequencer").fetch_one(pool).await
}
