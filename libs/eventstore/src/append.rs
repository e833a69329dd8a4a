use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use kernel::{EventCodec, NewEvent};
use sqlx::types::Json;
use sqlx::{PgConnection, Postgres, Transaction};

use crate::recorded::{signed, unsigned};
use crate::sealing::{SubjectKey, Unsealable, place_of_event};
use crate::store::load_stream;
use crate::{Meta, RecordedMeta, Store, StoreError};

/// A transaction that stays open stalls every reader of the log (ADR 0003), so none may: limits
/// on waiting for the stream, on one statement, and on a command that does not go on.
const BEGIN: &str = "begin isolation level read committed; \
     set local lock_timeout = '5s'; \
     set local statement_timeout = '10s'; \
     set local idle_in_transaction_session_timeout = '10s'";

/// What the header names and fixed texts of the envelope take at most, in bytes.
const ENVELOPE_OVERHEAD: usize = 1024;

/// What the events of an append say of a person, before it is sealed.
#[derive(Debug, Clone, Copy)]
pub struct Private<'a> {
    pub key: &'a SubjectKey,
    /// In the owner's own encoding.
    pub plain: &'a [u8],
}

/// A stream held for one command. Dropping it records nothing.
///
/// The stream is held by an advisory lock, which takes no transaction id: the id is taken by the
/// INSERT, after all earlier writers of the stream have finished. Thereby transactions follow
/// each other in the order of the stream's versions, and the sequencer may order by them.
#[derive(Debug)]
pub struct Opened {
    store: Store,
    tx: Transaction<'static, Postgres>,
    stream: String,
    version: u64,
}

impl Opened {
    pub(crate) async fn begin(store: Store, stream: &str) -> Result<Self, StoreError> {
        if stream.is_empty() || stream.len() > 255 {
            return Err(StoreError::Malformed(format!(
                "a stream name has 1 to 255 bytes, not {}",
                stream.len()
            )));
        }
        let mut tx = store.pool().begin_with(BEGIN).await?;
        // 64 bits, and per schema: two streams that collide merely wait for each other.
        sqlx::query("select pg_advisory_xact_lock(hashtextextended(current_schema() || '/' || $1, 0))")
            .bind(stream)
            .execute(&mut *tx)
            .await?;
        // A statement of its own: its snapshot must be younger than the lock.
        let head: i64 = sqlx::query_scalar("select coalesce(max(version), 0) from events where stream = $1")
            .bind(stream)
            .fetch_one(&mut *tx)
            .await?;
        Ok(Self { store, tx, stream: stream.to_owned(), version: unsigned(head) })
    }

    /// The stream's head; 0 when it does not exist.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// All events of the stream.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when an event does not decode as `E`.
    pub async fn load<E: EventCodec>(&mut self) -> Result<Vec<E>, StoreError> {
        if self.version == 0 {
            return Ok(Vec::new());
        }
        load_stream(&mut self.tx, &self.stream).await
    }

    /// For plain SELECTs that the decision needs. No write, no `for update`: either makes the
    /// append fail with [`StoreError::WroteBeforeAppend`].
    pub fn reader(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// Appends at the head.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`], [`StoreError::Malformed`] for no events or names that the log
    /// cannot hold, [`StoreError::WroteBeforeAppend`].
    pub async fn append(self, events: &[NewEvent], meta: &Meta) -> Result<Appended, StoreError> {
        self.append_all(events, meta, None).await
    }

    /// Appends at the head; what each event says of a person is sealed under the person's key and
    /// travels in the envelope, never among the event's own fields.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub async fn append_sealed(
        self,
        events: &[NewEvent],
        meta: &Meta,
        private: &Private<'_>,
    ) -> Result<Appended, StoreError> {
        self.append_all(events, meta, Some(private)).await
    }

    /// Appends if the stream is at `expected`, the version that the caller showed to a user, say.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it is not; otherwise as [`Self::append`].
    pub async fn append_expecting(
        self,
        expected: u64,
        events: &[NewEvent],
        meta: &Meta,
    ) -> Result<Appended, StoreError> {
        if expected != self.version {
            return Err(StoreError::Conflict { stream: self.stream, expected, actual: self.version });
        }
        self.append_all(events, meta, None).await
    }

    async fn append_all(
        mut self,
        events: &[NewEvent],
        meta: &Meta,
        private: Option<&Private<'_>>,
    ) -> Result<Appended, StoreError> {
        let metas = self.metas(events, meta, private)?;
        check(&self.stream, events, &metas, self.store.max_event_bytes())?;
        let inserted = insert(&mut self.tx, &self.stream, self.version, events, (meta, metas)).await?;
        if inserted == 0 {
            return Err(StoreError::WroteBeforeAppend { stream: self.stream });
        }
        Ok(Appended { store: self.store, tx: self.tx, version: self.version + inserted })
    }

    /// One for each event: a sealing is bound to the version it stands at.
    fn metas(
        &self,
        events: &[NewEvent],
        meta: &Meta,
        private: Option<&Private<'_>>,
    ) -> Result<Vec<RecordedMeta>, StoreError> {
        let plain = RecordedMeta {
            actor: meta.actor.clone(),
            traceparent: meta.traceparent.clone(),
            subject: private.map(|private| private.key.subject().to_owned()),
            sealed: None,
        };
        (self.version + 1..)
            .zip(events)
            .map(|(version, _)| {
                let Some(private) = private else { return Ok(plain.clone()) };
                let place = place_of_event(self.store.name(), &self.stream, version);
                let sealed = private.key.seal(&place, private.plain).map_err(|Unsealable| {
                    StoreError::Malformed("the private part of the event cannot be sealed".to_owned())
                })?;
                Ok(RecordedMeta { sealed: Some(BASE64.encode(sealed)), ..plain.clone() })
            })
            .collect()
    }

    /// Lets the stream go, since there is nothing to record.
    pub async fn rollback(self) {
        // Whatever the answer, the connection's end or the server's timeout ends the transaction.
        if let Err(error) = self.tx.rollback().await {
            tracing::debug!(%error, "rolling back failed");
        }
    }
}

/// Events that are written but not yet committed. Dropping it records nothing.
#[derive(Debug)]
pub struct Appended {
    store: Store,
    tx: Transaction<'static, Postgres>,
    version: u64,
}

impl Appended {
    /// For inline tables, reservations and [effects](crate::effects::enqueue), which are recorded
    /// with the events or not at all.
    pub fn tx(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// The stream's new head, once committed.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Records all of it and returns the stream's new head.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; the outcome is then unknown, so load before deciding again.
    pub async fn commit(self) -> Result<u64, StoreError> {
        self.tx.commit().await?;
        self.store.committed();
        Ok(self.version)
    }
}

fn check(stream: &str, events: &[NewEvent], metas: &[RecordedMeta], limit: usize) -> Result<(), StoreError> {
    if events.is_empty() {
        return Err(StoreError::Malformed("no events; call rollback instead".to_owned()));
    }
    for (event, meta) in events.iter().zip(metas) {
        if !is_event_type(event.event_type) || event.schema == 0 {
            return Err(StoreError::Malformed(format!(
                "{:?} @ {} is no event type: dotted lower-case words and a schema from 1",
                event.event_type, event.schema
            )));
        }
        // Text in headers may be percent-encoded to three times its length.
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let names = 3 * (stream.len() + length(&meta.actor) + length(&meta.subject) + event.event_type.len());
        let bytes = event.data.len() + names + length(&meta.sealed) + ENVELOPE_OVERHEAD;
        if bytes > limit {
            return Err(StoreError::TooLarge { event_type: event.event_type.to_owned(), bytes, limit });
        }
    }
    Ok(())
}

/// The type becomes part of a NATS subject.
fn is_event_type(text: &str) -> bool {
    text.len() <= 100
        && text.split('.').all(|word| {
            !word.is_empty() && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        })
}

/// Returns the number of rows: none when the transaction has an id already. The uncorrelated
/// subquery is evaluated before the first row is made, which is what takes the id.
async fn insert(
    tx: &mut PgConnection,
    stream: &str,
    head: u64,
    events: &[NewEvent],
    (meta, metas): (&Meta, Vec<RecordedMeta>),
) -> Result<u64, StoreError> {
    let metas: Vec<Json<RecordedMeta>> = metas.into_iter().map(Json).collect();
    let types: Vec<&str> = events.iter().map(|event| event.event_type).collect();
    let schemas: Vec<i32> =
        events.iter().map(|event| i32::try_from(event.schema).unwrap_or(i32::MAX)).collect();
    let data: Vec<&[u8]> = events.iter().map(|event| event.data.as_slice()).collect();
    let inserted = sqlx::query(
        "insert into events (stream, version, type, schema, subject_key, data, meta, at)
         select $1, $2 + e.n, e.type, e.schema, $3, e.data, e.meta, $4
         from unnest($5::text[], $6::int[], $7::bytea[], $8::jsonb[]) with ordinality
           as e (type, schema, data, meta, n)
         where (select pg_current_xact_id_if_assigned() is null)
         order by e.n",
    )
    .bind(stream)
    .bind(signed(head))
    .bind(&meta.subject)
    .bind(meta.at)
    .bind(types)
    .bind(schemas)
    .bind(data)
    .bind(metas)
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected())
}
