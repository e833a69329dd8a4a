//! How many messages a student may send: reserve before the work, then settle or refund. And how
//! often anything else may be tried: throttles.
//!
//! [`build`] is synchronous and starts nothing. Read on in the order of a command: `domain` (the
//! rules), `commands` (one transaction each), `postgres` (the tables), `grpc` (the wire).

mod commands;
mod domain;
mod error;
mod grpc;
mod postgres;
mod queries;

use std::sync::Arc;

use api::rate_limit::rate_limit_server::RateLimitServer;
use api::rate_limit::throttles_server::ThrottlesServer;
use chrono::TimeDelta;
use eventstore::{Publisher, Store};
use kernel::Error;
use projection::EventLogServer;
use runtime::{Deps, Service};
use tonic::service::Routes;

use crate::domain::quota::Policy;

/// Name of the service.
pub const NAME: &str = "rate-limit";
/// Name of its schema and of its store.
pub const SCHEMA: &str = "rate_limit";

/// Tables `reservations` and `throttles`; versions from 1001.
pub static MIGRATOR: sqlx::migrate::Migrator =
    sqlx::migrate::Migrator { ignore_missing: true, ..sqlx::migrate!("../../migrations/rate_limit") };

/// What the operator decides.
#[derive(Debug, Clone)]
pub struct Options {
    /// Messages a student may send within the window; at least 1.
    pub limit: u32,
    /// Length of the rolling window in hours; at least 1.
    pub window_hours: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { limit: 20, window_hours: 24 }
    }
}

/// Wires the service; nothing runs yet.
///
/// # Errors
/// `INVALID_OPTIONS`, saying which.
pub fn build(options: Options, deps: Deps) -> Result<Service, Error> {
    if options.limit == 0 || options.window_hours == 0 {
        return Err(error::invalid_options());
    }
    let store = Store::new(deps.pool.clone(), SCHEMA);
    let cx = commands::Cx {
        store: store.clone(),
        clock: Arc::clone(&deps.clock),
        policy: Policy { limit: options.limit, window: TimeDelta::hours(options.window_hours.into()) },
    };
    let publisher =
        Publisher::new(store.clone(), deps.nats.clone(), &deps.namespace, Arc::clone(&deps.clock));
    let status = publisher.status();
    deps.health.register_status("rate-limit/publisher", move || status.ready());
    deps.health.register_pool("rate-limit/postgres", deps.pool);
    deps.health.register_bus("rate-limit/nats", deps.nats);

    let grpc = grpc::Grpc(cx.clone());
    let routes = Routes::new(RateLimitServer::new(grpc.clone()))
        .add_service(ThrottlesServer::new(grpc))
        .add_service(EventLogServer::new(store).into_service());
    Ok(Service::new(NAME)
        .grpc(routes)
        .task("publisher", move |shutdown| publisher.clone().run(shutdown))
        .task("throttles", move |shutdown| commands::purge_throttles(cx.clone(), shutdown)))
}
