//! What events say of persons: asked for at the stores' owners, who have the keys, and never kept.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use api::common::Personal;
use api::eventlog::event_log_client::EventLogClient;
use api::eventlog::{UnsealRequest, Unsealed};
use kernel::Error;
use prost::Message;
use runtime::{PeerChannel, Peers};
use tonic::Request;

/// Most positions in one question.
const MAX_POSITIONS: usize = 1000;

pub(crate) const IDENTITY: &str = "identity";
pub(crate) const SESSION: &str = "session";

/// What events say of persons, by position; none where nothing is sealed or the person is erased.
/// A position that the owner does not know is missing.
pub(crate) type Opened = BTreeMap<u64, Option<Personal>>;

/// The owners of the stores.
#[derive(Clone)]
pub(crate) struct Owners {
    identity: EventLogClient<PeerChannel>,
    session: EventLogClient<PeerChannel>,
}

impl fmt::Debug for Owners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Owners")
    }
}

impl Owners {
    pub(crate) fn new(peers: &Peers) -> Self {
        Self {
            identity: EventLogClient::new(peers.channel("identity")),
            session: EventLogClient::new(peers.channel("session")),
        }
    }

    /// # Errors
    /// As the owner's; SERVICE_UNAVAILABLE while it is away, or later than `patience`.
    pub(crate) async fn open(
        &self,
        store: &str,
        positions: &[u64],
        patience: Duration,
    ) -> Result<Opened, Error> {
        let client = if store == IDENTITY { &self.identity } else { &self.session };
        let mut opened = Opened::new();
        for positions in positions.chunks(MAX_POSITIONS) {
            let question = UnsealRequest { store: store.to_owned(), positions: positions.to_vec() };
            let mut request = Request::new(question);
            request.set_timeout(patience);
            let answer = client.clone().unseal(request).await.map_err(|status| api::from_status(&status))?;
            opened.extend(
                answer.into_inner().events.into_iter().map(|event| (event.position, read(store, event))),
            );
        }
        Ok(opened)
    }
}

fn read(store: &str, event: Unsealed) -> Option<Personal> {
    let outcome = Personal::decode(event.private?.as_slice());
    outcome
        .inspect_err(|error| {
            tracing::error!(store, position = event.position, %error, "the private part of an event cannot be read");
        })
        .ok()
}
