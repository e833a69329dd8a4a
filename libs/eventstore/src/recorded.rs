use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};
use kernel::{CodecError, EventCodec, TraceParent};
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::postgres::PgRow;
use zeroize::Zeroizing;

use crate::StoreError;
use crate::sealing::{SubjectKey, Unsealable, place_of_event};

/// Who and what caused an event: bound by the command, the same for each event of an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// When, by the command's clock.
    pub at: DateTime<Utc>,
    /// The user or service that acted.
    pub actor: Option<String>,
    /// The trace the command ran in; consumers link to it.
    pub traceparent: Option<TraceParent>,
    /// The person whose data the events hold: the handle under which it can be erased.
    pub subject: Option<String>,
}

impl Meta {
    /// Nothing known but the time.
    pub fn at(at: DateTime<Utc>) -> Self {
        Self { at, actor: None, traceparent: None, subject: None }
    }
}

/// The part of [`Meta`] that travels with the event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RecordedMeta {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<TraceParent>,
    /// The person whose data the event holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What the event says of that person, sealed under their key: base64 of nonce, ciphertext
    /// and tag. Only the store's owner can open it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
}

/// An event as every reader sees it, whether it came from Postgres, the bus or gRPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// The store that owns it, for example `identity`.
    pub store: String,
    /// Dense per store, from 1.
    pub position: u64,
    pub stream: String,
    /// Dense per stream, from 1.
    pub version: u64,
    pub event_type: String,
    /// Version of the type's shape, from 1.
    pub schema: u32,
    /// Protobuf bytes of the type.
    pub data: Vec<u8>,
    pub meta: RecordedMeta,
    pub at: DateTime<Utc>,
}

impl RecordedEvent {
    /// # Errors
    /// [`CodecError`] when the type is not one of `E`'s or the bytes are no message of that type.
    pub fn decode<E: EventCodec>(&self) -> Result<E, CodecError> {
        E::decode(&self.event_type, self.schema, &self.data)
    }

    /// The private part of the event; none where there is none.
    ///
    /// # Errors
    /// [`Unsealable`] under any key but the person's.
    pub fn unseal(&self, key: &SubjectKey) -> Result<Option<Zeroizing<Vec<u8>>>, Unsealable> {
        let Some(sealed) = &self.meta.sealed else { return Ok(None) };
        let sealed = BASE64.decode(sealed).map_err(|_| Unsealable)?;
        key.open(&place_of_event(&self.store, &self.stream, self.version), &sealed).map(Some)
    }

    /// Columns `gpos, stream, version, type, schema, data, meta, at`.
    pub(crate) fn from_row(store: &str, row: &PgRow) -> Result<Self, StoreError> {
        let stream: String = row.try_get("stream")?;
        let version = unsigned(row.try_get("version")?);
        let meta: sqlx::types::Json<RecordedMeta> = row.try_get("meta").map_err(|error| {
            StoreError::Corrupt { stream: stream.clone(), version, detail: error.to_string() }
        })?;
        Ok(Self {
            store: store.to_owned(),
            position: unsigned(row.try_get("gpos")?),
            version,
            event_type: row.try_get("type")?,
            schema: u32::try_from(row.try_get::<i32, _>("schema")?).unwrap_or_default(),
            data: row.try_get("data")?,
            meta: meta.0,
            at: row.try_get("at")?,
            stream,
        })
    }
}

/// Postgres has no unsigned integers; the columns are checked to be positive.
pub(crate) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

/// Positions and versions count rows, so they stay far below 2^63.
pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
