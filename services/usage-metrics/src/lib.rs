//! Read models for administrators and analysts: who did what to their account, and how the tutor
//! is used.
//!
//! [`build`] is synchronous and starts nothing. The service decides nothing and owns no store. Read
//! on in the order of an event: `owners` (what it says of a person), `hashes` (what is kept of
//! that), `projections` (event to row), `postgres` (the tables' queries), `grpc` (the wire);
//! [`verify`] compares the tables with the stores.

mod error;
mod grpc;
mod hashes;
mod owners;
mod postgres;
mod projections;
mod queries;
mod verify;

use std::sync::Arc;

use api::usage_metrics::usage_metrics_server::UsageMetricsServer;
use kernel::Error;
use projection::{EventLogReader, Projection, Projector, RemoteEventLogs};
use runtime::{Deps, Service};
use tonic::service::Routes;

use crate::owners::Owners;
use crate::projections::{AuthEventLog, FactTurn};

pub use crate::hashes::HashKey;
pub use crate::verify::verify;

/// Name of the service.
pub const NAME: &str = "usage-metrics";
/// Name of its schema.
pub const SCHEMA: &str = "usage_metrics";

/// Tables `auth_event_log`, `fact_turn` and view `ai_usage_daily`; versions from
/// 1001. Run after `projection::MIGRATOR`.
pub static MIGRATOR: sqlx::migrate::Migrator =
    sqlx::migrate::Migrator { ignore_missing: true, ..sqlx::migrate!("../../migrations/usage_metrics") };

/// What the operator decides.
#[derive(Debug, Clone)]
pub struct Options {
    /// Made of AUTH_SECRET, which this service never sees. With another one, rebuild.
    pub hash_key: HashKey,
}

/// Wires the service; nothing runs yet. Events are asked for at the peers `identity`, `session`
/// and `tutor-agent`.
///
/// # Errors
/// None yet; the shape is that of every service.
pub fn build(options: Options, deps: Deps) -> Result<Service, Error> {
    deps.health.register_pool("usage-metrics/postgres", deps.pool.clone());
    deps.health.register_bus("usage-metrics/nats", deps.nats.clone());
    let logs: Arc<dyn EventLogReader> = Arc::new(
        RemoteEventLogs::default()
            .remote("identity", deps.peers.channel("identity"))
            .remote("session", deps.peers.channel("session"))
            .remote("tutor_agent", deps.peers.channel("tutor-agent")),
    );
    let Options { hash_key } = options;
    let owners = Owners::new(&deps.peers);
    let grpc = grpc::Grpc::new(deps.pool.clone(), owners.clone(), hash_key.clone());
    let routes = Routes::new(UsageMetricsServer::new(grpc));
    let events = projector(&deps, &logs, Arc::new(AuthEventLog::new(owners, hash_key)));
    let turns = projector(&deps, &logs, Arc::new(FactTurn));
    Ok(Service::new(NAME)
        .grpc(routes)
        .task("project auth_event_log", move |shutdown| events.clone().run(shutdown))
        .task("project fact_turn", move |shutdown| turns.clone().run(shutdown)))
}

fn projector(deps: &Deps, logs: &Arc<dyn EventLogReader>, projection: Arc<dyn Projection>) -> Projector {
    let Deps { pool, nats, namespace, clock, health, .. } = deps.clone();
    let check = format!("{NAME}/{}", projection.name());
    let projector = Projector::new(pool, nats, &namespace, projection, Arc::clone(logs), clock);
    let status = projector.status();
    health.register_status(check, move || status.ready());
    projector
}
