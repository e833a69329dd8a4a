use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use kernel::EventCodec;
use sqlx::{PgConnection, PgPool, Row};
use tokio::sync::watch;

use crate::recorded::{signed, unsigned};
use crate::{Opened, RecordedEvent, StoreError};

/// What one message on the bus may take in all: the default `max_payload` of nats-server.
pub const DEFAULT_MAX_EVENT_BYTES: usize = 1024 * 1024;

/// A read stops after about this many bytes of event data, however many events were asked for, so
/// that an answer fits into a gRPC message (4 MiB by default).
const READ_BYTES: usize = 2 * 1024 * 1024;

/// The event log of one service: the tables of `migrations/eventstore` in the schema that the
/// pool's connections have as their `search_path`. Cheap to clone; make one per service, since its
/// clones wake the service's [`Publisher`](crate::Publisher) and
/// [`EffectWorker`](crate::effects::EffectWorker) after each commit.
#[derive(Debug, Clone)]
pub struct Store {
    pool: PgPool,
    name: &'static str,
    max_event_bytes: usize,
    commits: Arc<watch::Sender<u64>>,
}

impl Store {
    /// `name` is the store's name on the bus and in every reader's checkpoint, for example
    /// `identity`; it can never change.
    pub fn new(pool: PgPool, name: &'static str) -> Self {
        Self {
            pool,
            name,
            max_event_bytes: DEFAULT_MAX_EVENT_BYTES,
            commits: Arc::new(watch::Sender::new(0)),
        }
    }

    /// Sets what an event with its headers may take; must not exceed the bus's `max_payload`.
    #[must_use]
    pub fn with_max_event_bytes(mut self, bytes: usize) -> Self {
        self.max_event_bytes = bytes;
        self
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// In bytes, headers included.
    pub fn max_event_bytes(&self) -> usize {
        self.max_event_bytes
    }

    /// Begins a command on a stream: no other writer can append to it until the returned value is
    /// committed, rolled back or dropped. Decide quickly: hash passwords and call peers before.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], also when another writer held the stream for over five seconds.
    pub async fn open(&self, stream: &str) -> Result<Opened, StoreError> {
        Opened::begin(self.clone(), stream).await
    }

    /// All events of a stream in order, outside of any transaction. Empty when there is no such
    /// stream.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when an event does not decode as `E`.
    pub async fn read_stream<E: EventCodec>(&self, stream: &str) -> Result<Vec<E>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        load_stream(&mut connection, stream).await
    }

    /// Up to `limit` sequenced events with position > `after`, ascending and without a hole. May
    /// return fewer than `limit` before the head is reached (about 2 MiB at once), but never none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn read(&self, after: u64, limit: u32) -> Result<Vec<RecordedEvent>, StoreError> {
        let mut rows = sqlx::query(
            "select gpos, stream, version, type, schema, data, meta, at from events
             where gpos > $1 order by gpos limit $2",
        )
        .bind(signed(after))
        .bind(i64::from(limit))
        .fetch(&self.pool);
        let (mut events, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.try_next().await? {
            let event = RecordedEvent::from_row(self.name, &row)?;
            bytes += event.data.len();
            if bytes > READ_BYTES && !events.is_empty() {
                break;
            }
            events.push(event);
        }
        Ok(events)
    }

    /// The highest sequenced position; 0 for an empty log.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn head(&self) -> Result<u64, StoreError> {
        let head: i64 = sqlx::query_scalar("select gpos from sequencer").fetch_one(&self.pool).await?;
        Ok(unsigned(head))
    }

    /// The events at these positions, ascending; positions that do not exist are left out.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn read_positions(&self, positions: &[u64]) -> Result<Vec<RecordedEvent>, StoreError> {
        let positions: Vec<i64> = positions.iter().copied().map(signed).collect();
        let rows = sqlx::query(
            "select gpos, stream, version, type, schema, data, meta, at from events
             where gpos = any($1) order by gpos",
        )
        .bind(positions)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| RecordedEvent::from_row(self.name, row)).collect()
    }

    /// The time of the oldest committed event that has no position yet.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn unsequenced_since(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let oldest = sqlx::query_scalar("select min(at) from events where gpos is null");
        Ok(oldest.fetch_one(&self.pool).await?)
    }

    /// Changes after each commit made through this store's clones in this process.
    pub(crate) fn commits(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }

    pub(crate) fn committed(&self) {
        self.commits.send_modify(|count| *count = count.wrapping_add(1));
    }
}

pub(crate) async fn load_stream<E: EventCodec>(
    connection: &mut PgConnection,
    stream: &str,
) -> Result<Vec<E>, StoreError> {
    let rows =
        sqlx::query("select version, type, schema, data from events where stream = $1 order by version")
            .bind(stream)
            .fetch_all(connection)
            .await?;
    rows.iter()
        .map(|row| {
            let schema = u32::try_from(row.try_get::<i32, _>("schema")?).unwrap_or_default();
            E::decode(row.try_get("type")?, schema, row.try_get("data")?)
                .map_err(|error| StoreError::corrupt(stream, unsigned(row.get("version")), &error))
        })
        .collect()
}
