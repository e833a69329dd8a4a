use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use api::eventlog::event_log_client::EventLogClient;
use api::eventlog::event_log_server::EventLog;
use api::eventlog::{
    Event, HeadRequest, HeadResponse, ReadRequest, ReadResponse, UnsealRequest, UnsealResponse, Unsealed,
};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use eventstore::sealing::{SubjectKey, Unsealable, Vault};
use eventstore::{RecordedEvent, RecordedMeta, Store, StoreError};
use tonic::body::Body;
use tonic::client::GrpcService;
use tonic::codegen::{Body as HttpBody, Bytes, StdError};
use tonic::{Request, Response, Status};

/// Why events could not be read from their owner.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The process knows no owner of the store: a wiring defect.
    #[error("no owner of store {0} is known")]
    UnknownStore(String),
    #[error("the owner of store {store} does not answer: {detail}")]
    Unavailable { store: String, detail: String },
    #[error("the owner of store {store} answered something unreadable: {detail}")]
    Corrupt { store: String, detail: String },
}

/// Sequenced events, read from the store's owner.
#[async_trait]
pub trait EventLogReader: Send + Sync {
    /// Up to `limit` events with position > `after`, ascending, without a hole; possibly fewer,
    /// but none only at the head.
    async fn read(&self, store: &str, after: u64, limit: u32) -> Result<Vec<RecordedEvent>, ReadError>;

    /// How far the log is now.
    async fn head(&self, store: &str) -> Result<Head, ReadError>;
}

/// How far a log is, for readers that must know how old their copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Highest position.
    pub position: u64,
    /// Time of the oldest committed event without a position.
    pub unsequenced_since: Option<DateTime<Utc>>,
}

/// The owner itself needs no wire.
#[async_trait]
impl EventLogReader for Store {
    async fn read(&self, store: &str, after: u64, limit: u32) -> Result<Vec<RecordedEvent>, ReadError> {
        if store != self.name() {
            return Err(ReadError::UnknownStore(store.to_owned()));
        }
        Store::read(self, after, limit)
            .await
            .map_err(|error| ReadError::Unavailable { store: store.to_owned(), detail: error.to_string() })
    }

    async fn head(&self, store: &str) -> Result<Head, ReadError> {
        if store != self.name() {
            return Err(ReadError::UnknownStore(store.to_owned()));
        }
        let unavailable =
            |error: StoreError| ReadError::Unavailable { store: store.to_owned(), detail: error.to_string() };
        // In this order: what is sequenced between the two is counted by neither as missing.
        let unsequenced_since = self.unsequenced_since().await.map_err(unavailable)?;
        Ok(Head { position: Store::head(self).await.map_err(unavailable)?, unsequenced_since })
    }
}

/// Finds the owner of each store. Built once per process:
/// `RemoteEventLogs::default().local(store).remote("identity", peers.channel("identity"))`.
#[derive(Clone, Default)]
pub struct RemoteEventLogs(BTreeMap<String, Arc<dyn EventLogReader>>);

impl RemoteEventLogs {
    /// The store is this service's own.
    #[must_use]
    pub fn local(mut self, store: Store) -> Self {
        self.0.insert(store.name().to_owned(), Arc::new(store));
        self
    }

    /// The store's owner answers on the channel; its name is the store's, in bus spelling
    /// (`chat_thread`).
    #[must_use]
    pub fn remote<C>(mut self, store: &str, channel: C) -> Self
    where
        C: GrpcService<Body> + Clone + Send + Sync + 'static,
        C::Error: Into<StdError>,
        C::Future: Send,
        C::ResponseBody: HttpBody<Data = Bytes> + Send + 'static,
        <C::ResponseBody as HttpBody>::Error: Into<StdError> + Send,
    {
        self.0.insert(store.to_owned(), Arc::new(RemoteEventLog(EventLogClient::new(channel))));
        self
    }
}

impl RemoteEventLogs {
    fn owner(&self, store: &str) -> Result<&dyn EventLogReader, ReadError> {
        self.0.get(store).map(AsRef::as_ref).ok_or_else(|| ReadError::UnknownStore(store.to_owned()))
    }
}

impl fmt::Debug for RemoteEventLogs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[async_trait]
impl EventLogReader for RemoteEventLogs {
    async fn read(&self, store: &str, after: u64, limit: u32) -> Result<Vec<RecordedEvent>, ReadError> {
        self.owner(store)?.read(store, after, limit).await
    }

    async fn head(&self, store: &str) -> Result<Head, ReadError> {
        self.owner(store)?.head(store).await
    }
}

struct RemoteEventLog<C>(EventLogClient<C>);

#[async_trait]
impl<C> EventLogReader for RemoteEventLog<C>
where
    C: GrpcService<Body> + Clone + Send + Sync + 'static,
    C::Error: Into<StdError>,
    C::Future: Send,
    C::ResponseBody: HttpBody<Data = Bytes> + Send + 'static,
    <C::ResponseBody as HttpBody>::Error: Into<StdError> + Send,
{
    async fn read(&self, store: &str, after: u64, limit: u32) -> Result<Vec<RecordedEvent>, ReadError> {
        let request = ReadRequest { store: store.to_owned(), after, limit };
        let response = self.0.clone().read(request).await.map_err(|status| unavailable(store, &status))?;
        response.into_inner().events.into_iter().map(|event| from_wire(store, event)).collect()
    }

    async fn head(&self, store: &str) -> Result<Head, ReadError> {
        let request = HeadRequest { store: store.to_owned() };
        let answer = self.0.clone().head(request).await.map_err(|status| unavailable(store, &status))?;
        let HeadResponse { head, unsequenced_since } = answer.into_inner();
        let unsequenced_since = unsequenced_since
            .map(|at| api::time(Some(&at)))
            .transpose()
            .map_err(|error| ReadError::Corrupt { store: store.to_owned(), detail: error.to_string() })?;
        Ok(Head { position: head, unsequenced_since })
    }
}

fn unavailable(store: &str, status: &Status) -> ReadError {
    ReadError::Unavailable {
        store: store.to_owned(),
        detail: format!("{:?}: {}", status.code(), status.message()),
    }
}

/// The `EventLog` gRPC service, mounted by every owner of a store.
#[derive(Debug, Clone)]
pub struct EventLogServer {
    store: Store,
    vault: Option<Vault>,
}

/// What `Routes::add_service` takes.
pub type EventLogService = api::eventlog::event_log_server::EventLogServer<EventLogServer>;

/// Most events in one answer.
const MAX_LIMIT: u32 = 5000;
const MAX_UNSEALED: usize = 1000;

impl EventLogServer {
    pub fn new(store: Store) -> Self {
        Self { store, vault: None }
    }

    /// Opens what the store's events say of persons, for peers that must show it.
    #[must_use]
    pub fn vault(self, vault: Vault) -> Self {
        Self { vault: Some(vault), ..self }
    }

    fn check_store(&self, store: &str) -> Result<(), Status> {
        if store == self.store.name() {
            return Ok(());
        }
        let error = kernel::Error::not_found("UNKNOWN_STORE", "this service does not own the store");
        Err(api::to_status(&error))
    }

    /// Ready to be mounted.
    pub fn into_service(self) -> EventLogService {
        EventLogService::new(self)
    }
}

#[async_trait]
impl EventLog for EventLogServer {
    async fn read(&self, request: Request<ReadRequest>) -> Result<Response<ReadResponse>, Status> {
        let ReadRequest { store, after, limit } = request.into_inner();
        self.check_store(&store)?;
        let head = self.store.head().await.map_err(status)?;
        let events = self.store.read(after, limit.clamp(1, MAX_LIMIT)).await.map_err(status)?;
        Ok(Response::new(ReadResponse { events: events.into_iter().map(to_wire).collect(), head }))
    }

    async fn head(&self, request: Request<HeadRequest>) -> Result<Response<HeadResponse>, Status> {
        self.check_store(&request.into_inner().store)?;
        // In this order: what is sequenced between the two is counted by neither as missing.
        let unsequenced_since = self.store.unsequenced_since().await.map_err(status)?.map(api::timestamp);
        let head = self.store.head().await.map_err(status)?;
        Ok(Response::new(HeadResponse { head, unsequenced_since }))
    }

    async fn unseal(&self, request: Request<UnsealRequest>) -> Result<Response<UnsealResponse>, Status> {
        let UnsealRequest { store, positions } = request.into_inner();
        self.check_store(&store)?;
        if positions.len() > MAX_UNSEALED {
            let error = kernel::Error::invalid("INVALID_ARGUMENT", "at most 1000 positions");
            return Err(api::to_status(&error));
        }
        let mut events = Vec::with_capacity(positions.len());
        let mut keys: BTreeMap<String, Option<SubjectKey>> = BTreeMap::new();
        for event in self.store.read_positions(&positions).await.map_err(status)? {
            let subject = event.meta.subject.clone().unwrap_or_default();
            if !keys.contains_key(&subject) {
                keys.insert(subject.clone(), self.key(&subject).await?);
            }
            let private = match keys.get(&subject) {
                Some(Some(key)) => event.unseal(key).unwrap_or_else(|Unsealable| {
                    tracing::error!(store, position = event.position, "an event's seal does not open");
                    None
                }),
                _ => None,
            };
            let private = private.map(|plain| plain.to_vec());
            events.push(Unsealed { position: event.position, subject, private });
        }
        Ok(Response::new(UnsealResponse { events }))
    }
}

impl EventLogServer {
    async fn key(&self, subject: &str) -> Result<Option<SubjectKey>, Status> {
        let Some(vault) = self.vault.as_ref().filter(|_| !subject.is_empty()) else { return Ok(None) };
        vault.find(self.store.pool(), subject).await.map_err(status)
    }
}

fn status(error: StoreError) -> Status {
    api::to_status(&error.into())
}

fn to_wire(event: RecordedEvent) -> Event {
    Event {
        position: event.position,
        stream: event.stream,
        version: event.version,
        r#type: event.event_type,
        schema: event.schema,
        data: event.data,
        // Two optional texts: it cannot fail.
        meta_json: serde_json::to_vec(&event.meta).unwrap_or_default(),
        at: Some(api::timestamp(event.at)),
    }
}

fn from_wire(store: &str, event: Event) -> Result<RecordedEvent, ReadError> {
    let corrupt = |detail: String| ReadError::Corrupt { store: store.to_owned(), detail };
    let meta: RecordedMeta =
        serde_json::from_slice(&event.meta_json).map_err(|error| corrupt(error.to_string()))?;
    let at = api::time(event.at.as_ref()).map_err(|error| corrupt(error.to_string()))?;
    Ok(RecordedEvent {
        store: store.to_owned(),
        position: event.position,
        stream: event.stream,
        version: event.version,
        event_type: event.r#type,
        schema: event.schema,
        data: event.data,
        meta,
        at,
    })
}
