//! The events of identity and session as a test lays them down.

use std::sync::{Arc, Mutex};

use api::eventlog::event_log_server::{EventLog, EventLogServer};
use api::eventlog::*;
use chrono::{DateTime, Utc};
use tonic::{Request, Response, Status};

#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<Event>>>);

impl Log {
    pub fn service(&self) -> EventLogServer<Self> {
        EventLogServer::new(self.clone())
    }

    pub fn append(&self, kind: &str, data: &impl prost::Message, at: DateTime<Utc>) {
        let mut events = self.0.lock().unwrap();
        let position = events.len() as u64 + 1;
        events.push(Event {
            position,
            stream: format!("stream-{position}"),
            version: 1,
            r#type: kind.to_owned(),
            schema: 1,
            data: data.encode_to_vec(),
            meta_json: b"{}".to_vec(),
            at: Some(api::timestamp(at)),
        });
    }

    fn head(&self) -> u64 {
        self.0.lock().unwrap().len() as u64
    }
}

#[tonic::async_trait]
impl EventLog for Log {
    async fn read(&self, request: Request<ReadRequest>) -> Result<Response<ReadResponse>, Status> {
        let after = usize::try_from(request.into_inner().after).unwrap();
        let events = self.0.lock().unwrap()[after..].to_vec();
        Ok(Response::new(ReadResponse { events, head: self.head() }))
    }

    async fn head(&self, _: Request<HeadRequest>) -> Result<Response<HeadResponse>, Status> {
        Ok(Response::new(HeadResponse { head: self.head(), unsequenced_since: None }))
    }

    async fn unseal(&self, _: Request<UnsealRequest>) -> Result<Response<UnsealResponse>, Status> {
        Ok(Response::new(UnsealResponse::default()))
    }
}
