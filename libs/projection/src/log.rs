use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use api::eventlog::event_log_client::EventLogClient;
use api::eventlog::event_log_server::EventLog;
use api::eventlog::{Event, ReadRequest, ReadResponse};
use async_trait::async_trait;
use eventstore::{RecordedEvent, RecordedMeta, Store};
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

impl fmt::Debug for RemoteEventLogs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[async_trait]
impl EventLogReader for RemoteEventLogs {
    async fn read(&self, store: &str, after: u64, limit: u32) -> Result<Vec<RecordedEvent>, ReadError> {
        let owner = self.0.get(store).ok_or_else(|| ReadError::UnknownStore(store.to_owned()))?;
        owner.read(store, after, limit).await
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
        let response = self.0.clone().read(request).await.map_err(|status| ReadError::Unavailable {
            store: store.to_owned(),
            detail: format!("{:?}: {}", status.code(), status.message()),
        })?;
        response.into_inner().events.into_iter().map(|event| from_wire(store, event)).collect()
    }
}

/// The `EventLog` gRPC service, mounted by every owner of a store.
#[derive(Debug, Clone)]
pub struct EventLogServer(Store);

/// What `Routes::add_service` takes.
pub type EventLogService = api::eventlog::event_log_server::EventLogServer<EventLogServer>;

/// Most events in one answer.
const MAX_LIMIT: u32 = 5000;

impl EventLogServer {
    pub fn new(store: Store) -> Self {
        Self(store)
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
        if store != self.0.name() {
            let error = kernel::Error::not_found("UNKNOWN_STORE", "this service does not own the store");
            return Err(api::to_status(&error));
        }
        let status = |error: eventstore::StoreError| api::to_status(&error.into());
        let head = self.0.head().await.map_err(status)?;
        let events = self.0.read(after, limit.clamp(1, MAX_LIMIT)).await.map_err(status)?;
        Ok(Response::new(ReadResponse { events: events.into_iter().map(to_wire).collect(), head }))
    }
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
