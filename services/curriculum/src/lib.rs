//! Courses made of mdBooks, and what a given student may see of them.
//!
//! [`build`] is synchronous and starts nothing. [`import_course`] publishes a book as a course.

mod commands;
mod domain;
mod error;
mod grpc;
mod import;
mod postgres;

use std::sync::Arc;

use api::curriculum::course_material_server::CourseMaterialServer;
use api::curriculum::curriculum_server::CurriculumServer;
use eventstore::{Publisher, Store};
use kernel::Error;
use projection::EventLogServer;
use runtime::{Deps, Service};
use tonic::service::Routes;

pub use domain::course::{ParseUnlockPolicyError, UnlockPolicy};
pub use import::{
    ExerciseProblem, ImportDeps, ImportError, ImportOptions, ImportOutcome, ImportProgress, ImportReport,
    Skipped, import_course,
};

/// Name of the service.
pub const NAME: &str = "curriculum";
/// Name of its schema and of its store.
pub const SCHEMA: &str = "curriculum";

/// Tables of published courses and of enrolments; versions from 1001.
pub static MIGRATOR: sqlx::migrate::Migrator =
    sqlx::migrate::Migrator { ignore_missing: true, ..sqlx::migrate!("../../migrations/curriculum") };

/// What the operator decides: nothing so far.
#[derive(Debug, Clone, Default)]
pub struct Options {}

/// Wires the service; nothing runs yet.
///
/// # Errors
/// None so far.
pub fn build(options: Options, deps: Deps) -> Result<Service, Error> {
    let Options {} = options;
    let store = Store::new(deps.pool.clone(), SCHEMA);
    let cx = commands::Cx { store: store.clone(), clock: Arc::clone(&deps.clock) };
    deps.health.register_pool("curriculum/postgres", deps.pool);
    deps.health.register_bus("curriculum/nats", deps.nats.clone());

    let grpc = grpc::Grpc(cx);
    let routes = Routes::new(CurriculumServer::new(grpc.clone()))
        .add_service(CourseMaterialServer::new(grpc))
        .add_service(EventLogServer::new(store.clone()).into_service());
    let (nats, namespace, clock) = (deps.nats, deps.namespace, deps.clock);
    Ok(Service::new(NAME).grpc(routes).task("publisher", move |shutdown| {
        Publisher::new(store.clone(), nats.clone(), &namespace, Arc::clone(&clock)).run(shutdown)
    }))
}
