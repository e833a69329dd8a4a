//! The tutor: one question becomes one guarded, streamed answer that outlives its caller.
//!
//! `build` is synchronous and starts nothing. Reading order: `domain`, `guard`, `retrieval`,
//! `model`, then `turns`, where they come together.

mod domain;
mod grpc;
mod guard;
mod model;
mod peers;
mod postgres;
mod prompt;
mod retrieval;
mod turns;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use eventstore::{Publisher, Store};
use kernel::Error;
use projection::{EventLogServer, Projector, RemoteEventLogs};
use runtime::{Deps, Service};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;

use model::{ChatModel, OfflineTutor, OpenAiModel, Patience};
use peers::{Material, Quotas, Threads};
use postgres::TurnTable;
use retrieval::{EmbeddedIndex, IndexKeeper, PassageIndex};
use turns::Turns;

pub const NAME: &str = "tutor-agent";
pub const SCHEMA: &str = "tutor_agent";

/// Table `turns`. Run after the event store's and the projections' migrations.
pub static MIGRATOR: sqlx::migrate::Migrator =
    sqlx::migrate::Migrator { ignore_missing: true, ..sqlx::migrate!("../../migrations/tutor_agent") };

#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `None`: the built-in offline tutor answers.
    pub model: Option<ModelOptions>,
    pub limits: Limits,
}

/// An OpenAI-compatible endpoint.
#[derive(Debug, Clone)]
pub struct ModelOptions {
    /// Up to and without `/chat/completions`, for example `https://api.openai.com/v1`.
    pub base_url: String,
    pub api_key: SecretString,
    pub model: String,
}

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Until the model's first text, connecting and retries included.
    pub first_token: Duration,
    /// Between two chunks of the model.
    pub idle: Duration,
    /// A turn without a heartbeat for so long is taken for dead.
    pub lease: Duration,
    /// How often dead turns are looked for.
    pub recover_every: Duration,
    /// How long a turn waits for a peer before it leaves the rest to the recovery.
    pub peer_patience: Duration,
    /// How often the published versions are compared with the index, beside the events.
    pub index_poll: Duration,
    /// How long running turns may go on at shutdown.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            first_token: Duration::from_secs(20),
            idle: Duration::from_secs(30),
            lease: Duration::from_secs(45),
            recover_every: Duration::from_secs(5),
            peer_patience: Duration::from_secs(10),
            index_poll: Duration::from_secs(15),
            drain: Duration::from_secs(8),
        }
    }
}

/// # Errors
/// When the model's HTTP client cannot be made.
pub fn build(options: Options, deps: Deps) -> Result<Service, Error> {
    let Parts { store, turns, keeper } = wire(&options, &deps)?;
    deps.health.register_pool(format!("{NAME}/postgres"), deps.pool.clone());
    deps.health.register_bus(format!("{NAME}/nats"), deps.nats.clone());
    let routes = Routes::new(grpc::Grpc::service(Arc::clone(&turns)))
        .add_service(EventLogServer::new(store.clone()).into_service());
    let publisher = Publisher::new(store, deps.nats.clone(), &deps.namespace, Arc::clone(&deps.clock));
    let status = publisher.status();
    deps.health.register_status(format!("{NAME}/publisher"), move || status.ready());
    let listener = listening(&keeper, &deps);
    let following = listener.status();
    deps.health.register_status(format!("{NAME}/course.published"), move || following.ready());
    let (recovering, draining) = (Arc::clone(&turns), turns);
    Ok(Service::new(NAME)
        .grpc(routes)
        .task("publisher", move |shutdown| publisher.clone().run(shutdown))
        .task("recover turns", move |shutdown| Arc::clone(&recovering).recover(shutdown))
        .task("drain turns", move |shutdown| Arc::clone(&draining).drain(shutdown))
        .task("keep the passage index", move |shutdown| keeper.clone().run(shutdown))
        .task("listen to course.published", move |shutdown| listener.clone().run(shutdown)))
}

fn listening(keeper: &IndexKeeper, deps: &Deps) -> Projector {
    let logs = RemoteEventLogs::default().remote("curriculum", deps.peers.channel("curriculum"));
    let Deps { pool, nats, namespace, clock, .. } = deps.clone();
    Projector::new(pool, nats, &namespace, Arc::new(keeper.listener()), Arc::new(logs), clock)
}

/// The service before its tasks run and its gRPC is mounted.
struct Parts {
    store: Store,
    turns: Arc<Turns>,
    keeper: IndexKeeper,
}

fn wire(options: &Options, deps: &Deps) -> Result<Parts, Error> {
    let limits = options.limits;
    let store = Store::new(deps.pool.clone(), SCHEMA);
    let material = Material::new(&deps.peers);
    let index = Arc::new(EmbeddedIndex::default());
    let shared: Arc<dyn PassageIndex> = Arc::clone(&index) as _;
    let keeper = IndexKeeper::new(shared, material.clone(), limits.index_poll);
    let lease = TimeDelta::from_std(limits.lease).unwrap_or(TimeDelta::MAX);
    let turns = Turns {
        table: TurnTable::new(deps.pool.clone(), deps.entropy.alphanumeric(16), lease),
        store: store.clone(),
        clock: Arc::clone(&deps.clock),
        entropy: Arc::clone(&deps.entropy),
        quotas: Quotas::new(&deps.peers),
        threads: Threads::new(&deps.peers),
        material,
        retriever: index,
        model: model(options)?,
        offline: OfflineTutor,
        limits,
        jobs: TaskTracker::new(),
        interrupt: CancellationToken::new(),
    };
    Ok(Parts { store, turns: Arc::new(turns), keeper })
}

fn model(options: &Options) -> Result<Arc<dyn ChatModel>, Error> {
    let Some(endpoint) = &options.model else { return Ok(Arc::new(OfflineTutor)) };
    let patience = Patience { first_token: options.limits.first_token, idle: options.limits.idle };
    let model = OpenAiModel::new(&endpoint.base_url, &endpoint.api_key, &endpoint.model, patience);
    let model = model.map_err(|error| {
        tracing::error!(%error, "the model's HTTP client cannot be made");
        Error::internal()
    })?;
    Ok(Arc::new(model))
}
