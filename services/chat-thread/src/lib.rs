//! Conversations: threads and their items, each seen by its owner alone.
//!
//! [`build`] is synchronous and starts nothing. Read on in the order of a command: `domain` (the
//! rules), `commands` (one transaction each), `postgres` (the inline tables, the only place that
//! holds what was said), `grpc` (the wire).

mod commands;
mod domain;
mod error;
mod grpc;
mod postgres;
mod queries;

use std::sync::Arc;

use api::chat_thread::chat_threads_server::ChatThreadsServer;
use eventstore::{Publisher, Store};
use kernel::Error;
use projection::EventLogServer;
use runtime::{Deps, Service};
use tonic::service::Routes;

/// Name of the service.
pub const NAME: &str = "chat-thread";
/// Name of its schema and of its store.
pub const SCHEMA: &str = "chat_thread";

/// Tables `threads` and `items`; versions from 1001.
pub static MIGRATOR: sqlx::migrate::Migrator =
    sqlx::migrate::Migrator { ignore_missing: true, ..sqlx::migrate!("../../migrations/chat_thread") };

/// What the operator decides: nothing yet.
#[derive(Debug, Clone, Default)]
pub struct Options {}

/// Wires the service; nothing runs yet.
///
/// # Errors
/// None so far: every value of [`Options`] is valid.
pub fn build(options: Options, deps: Deps) -> Result<Service, Error> {
    let Options {} = options;
    let store = Store::new(deps.pool.clone(), SCHEMA);
    let cx = commands::Cx { store: store.clone(), clock: Arc::clone(&deps.clock) };
    let publisher =
        Publisher::new(store.clone(), deps.nats.clone(), &deps.namespace, Arc::clone(&deps.clock));
    let status = publisher.status();
    deps.health.register_status("chat-thread/publisher", move || status.ready());
    deps.health.register_pool("chat-thread/postgres", deps.pool);
    deps.health.register_bus("chat-thread/nats", deps.nats);

    let routes = Routes::new(ChatThreadsServer::new(grpc::Grpc(cx)))
        .add_service(EventLogServer::new(store).into_service());
    Ok(Service::new(NAME).grpc(routes).task("publisher", move |shutdown| publisher.clone().run(shutdown)))
}
