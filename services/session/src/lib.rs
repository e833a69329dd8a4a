//! Sessions, access tokens and the keys that sign them.
//!
//! [`build`] is synchronous and starts nothing.

mod commands;
mod consumers;
mod domain;
mod error;
mod grpc;
mod keys;
mod lifetimes;
mod ports;
mod postgres;
mod registry;
mod seal;
mod tokens;

use std::sync::Arc;

use api::session::o_auth_clients_server::OAuthClientsServer;
use api::session::open_id_provider_server::OpenIdProviderServer;
use api::session::sessions_server::SessionsServer;
use eventstore::effects::EffectWorker;
use eventstore::sealing::Vault;
use eventstore::{Publisher, Store};
use kernel::Error;
use projection::{EventLogServer, Projector, RemoteEventLogs};
use runtime::{Deps, Outbound, Service};
use secrecy::SecretString;
use tonic::service::Routes;
use url::Url;

pub use domain::key::Rotation;
pub use keys::{KeyChest, SigningKey};
pub use lifetimes::Lifetimes;
pub use registry::{ClientRegistry, RegisteredClient};

/// Name of the service.
pub const NAME: &str = "session";
/// Name of its schema and of its store.
pub const SCHEMA: &str = "session";

/// Tables `sessions`, `endings` and `signing_keys`; versions from 1001.
pub static MIGRATOR: sqlx::migrate::Migrator =
    sqlx::migrate::Migrator { ignore_missing: true, ..sqlx::migrate!("../../migrations/session") };

/// What the operator decides.
#[derive(Debug, Clone)]
pub struct Options {
    /// AUTH_SECRET, at least 32 bytes: seals the signing keys and what is known of persons. With
    /// another one the keys cannot be opened and no token is signed.
    pub auth_secret: SecretString,
    /// PUBLIC_URL: issuer and audience of access tokens are made of it.
    pub public_url: Url,
    pub lifetimes: Lifetimes,
    /// CLIENTS_ALLOW_PRIVATE_NETWORKS: key sets and logout addresses of clients may be at private
    /// addresses and plain http, too.
    pub private_clients: bool,
}

/// Wires the service; nothing runs yet. Users are asked for at the peer `identity`, whose events are
/// followed, too.
///
/// # Errors
/// `INVALID_OPTIONS`, saying which.
pub fn build(options: Options, deps: Deps) -> Result<Service, Error> {
    let cx = context(&options, &deps)?;
    let clock = &deps.clock;
    let publisher = Publisher::new(cx.store.clone(), deps.nats.clone(), &deps.namespace, Arc::clone(clock));
    let (projector, keys) = (following(&deps), cx.keys.clone());
    register_checks(&deps, &publisher, &projector, &keys);
    let (ending, sweeping) = (cx.clone(), cx.clone());
    let effect_cx = cx.clone();
    let log = EventLogServer::new(cx.store.clone()).vault(cx.vault.clone());
    let grpc = grpc::Grpc(cx);
    let routes = Routes::new(SessionsServer::new(grpc.clone()))
        .add_service(OpenIdProviderServer::new(grpc.clone()))
        .add_service(OAuthClientsServer::new(grpc))
        .add_service(log.into_service());
    Ok(Service::new(NAME)
        .grpc(routes)
        .task("publisher", move |shutdown| publisher.clone().run(shutdown))
        .task("signing-keys", move |shutdown| keys.clone().tend_until(shutdown))
        .task("effects", move |shutdown| effect_worker(&effect_cx).run(shutdown))
        .task("session_ends", move |shutdown| projector.clone().run(shutdown))
        .task("end sessions", move |shutdown| commands::end_sessions(ending.clone(), shutdown))
        .task("sweep sessions", move |shutdown| commands::sweep_sessions(sweeping.clone(), shutdown)))
}

fn context(options: &Options, deps: &Deps) -> Result<commands::Cx, Error> {
    let lifetimes = options.lifetimes;
    lifetimes.check()?;
    let store = Store::new(deps.pool.clone(), SCHEMA);
    let sealer = seal::Sealer::new(&options.auth_secret)?;
    let vault = Vault::new(&options.auth_secret, NAME, Arc::clone(&deps.entropy))
        .map_err(|unusable| error::invalid_options(unusable.to_string()))?;
    let (clock, entropy) = (Arc::clone(&deps.clock), Arc::clone(&deps.entropy));
    Ok(commands::Cx {
        keys: keys::Keys::new(store.clone(), Arc::clone(&clock), Arc::clone(&entropy), sealer, lifetimes),
        store,
        clock,
        entropy,
        vault,
        users: ports::Users::new(deps.peers.channel("identity")),
        issuer: tokens::Issuer::new(&options.public_url)?,
        lifetimes,
        outbound: Outbound::new(options.private_clients)
            .map_err(|error| error::invalid_options(error.to_string()))?,
        client_keys: commands::oauth::ClientKeys::default(),
    })
}

fn effect_worker(cx: &commands::Cx) -> EffectWorker {
    let logout = Arc::new(commands::oauth::BackChannelLogout(cx.clone()));
    EffectWorker::new(cx.store.clone(), vec![logout], Arc::clone(&cx.clock))
}

fn following(deps: &Deps) -> Projector {
    let logs = Arc::new(RemoteEventLogs::default().remote("identity", deps.peers.channel("identity")));
    let Deps { pool, nats, namespace, clock, .. } = deps.clone();
    let ends = Arc::new(consumers::SessionEnds(Arc::clone(&clock)));
    Projector::new(pool, nats, &namespace, ends, logs, clock)
}

fn register_checks(deps: &Deps, publisher: &Publisher, projector: &Projector, keys: &keys::Keys) {
    let (copying, following, keys) = (publisher.status(), projector.status(), keys.clone());
    deps.health.register_status("session/publisher", move || copying.ready());
    deps.health.register_status("session/session_ends", move || following.ready());
    deps.health.register_pool("session/postgres", deps.pool.clone());
    deps.health.register_bus("session/nats", deps.nats.clone());
    deps.health.register("session/signing-key", move || {
        let keys = keys.clone();
        async move { keys.published().await.map(drop).map_err(|error| error.to_string()) }
    });
}
