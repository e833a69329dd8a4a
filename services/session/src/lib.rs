//! Sessions, access tokens and the keys that sign them.
//!
//! [`build`] is synchronous and starts nothing.

mod commands;
mod domain;
mod error;
mod grpc;
mod keys;
mod ports;
mod postgres;
mod seal;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use api::session::sessions_server::SessionsServer;
use eventstore::{Publisher, Store};
use kernel::Error;
use projection::EventLogServer;
use runtime::{Deps, Service};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use url::Url;

/// Name of the service.
pub const NAME: &str = "session";
/// Name of its schema and of its store.
pub const SCHEMA: &str = "session";

/// Tables `sessions` and `signing_keys`; versions from 1001.
pub static MIGRATOR: sqlx::migrate::Migrator =
    sqlx::migrate::Migrator { ignore_missing: true, ..sqlx::migrate!("../../migrations/session") };

/// Pause between attempts to get hold of the signing key at start.
const KEY_RETRY: Duration = Duration::from_secs(5);

/// What the operator decides.
#[derive(Debug, Clone)]
pub struct Options {
    /// AUTH_SECRET, at least 32 bytes: seals the signing keys. With another one the keys cannot be
    /// opened and no token is signed.
    pub auth_secret: SecretString,
    /// PUBLIC_URL: issuer and audience of access tokens are made of it.
    pub public_url: Url,
}

/// Wires the service; nothing runs yet. Users are asked for at the peer `identity`.
///
/// # Errors
/// `INVALID_OPTIONS`, saying which.
pub fn build(options: Options, deps: Deps) -> Result<Service, Error> {
    let store = Store::new(deps.pool.clone(), SCHEMA);
    let sealer = seal::Sealer::new(&options.auth_secret)?;
    let keys = keys::Keys::new(store.clone(), Arc::clone(&deps.clock), Arc::clone(&deps.entropy), sealer);
    let cx = commands::Cx {
        store: store.clone(),
        clock: Arc::clone(&deps.clock),
        entropy: deps.entropy,
        users: ports::Users::new(deps.peers.channel("identity")),
        keys: keys.clone(),
        issuer: tokens::Issuer::new(&options.public_url)?,
    };
    let publisher =
        Publisher::new(store.clone(), deps.nats.clone(), &deps.namespace, Arc::clone(&deps.clock));
    let status = publisher.status();
    deps.health.register_status("session/publisher", move || status.ready());
    deps.health.register_pool("session/postgres", deps.pool);
    deps.health.register_bus("session/nats", deps.nats);
    let checked = keys.clone();
    deps.health.register("session/signing-key", move || {
        let keys = checked.clone();
        async move { keys.ring().await.map(drop).map_err(|error| error.to_string()) }
    });

    let routes = Routes::new(SessionsServer::new(grpc::Grpc(cx)))
        .add_service(EventLogServer::new(store).into_service());
    Ok(Service::new(NAME)
        .grpc(routes)
        .task("publisher", move |shutdown| publisher.clone().run(shutdown))
        .task("signing-key", move |shutdown| prepare_key(keys.clone(), shutdown)))
}

/// Has the key ready before the first token is asked for: making one takes some tenths of a
/// second. Tries until it has one, so that a process may start before its database.
async fn prepare_key(keys: keys::Keys, shutdown: CancellationToken) {
    let ready = async {
        while let Err(error) = keys.ring().await {
            tracing::error!(%error, "there is no signing key yet");
            tokio::time::sleep(KEY_RETRY).await;
        }
    };
    if shutdown.run_until_cancelled(ready).await.is_some() {
        shutdown.cancelled().await;
    }
}
