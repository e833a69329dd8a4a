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
    let publisher =
        Publisher::new(store.clone(), deps.nats.clone(), &deps.namespace, Arc::clone(&deps.clock));
    let status = publisher.status();
    deps.health.register_status("curriculum/publisher", move || status.ready());
    deps.health.register_pool("curriculum/postgres", deps.pool);
    deps.health.register_bus("curriculum/nats", deps.nats);

    let grpc = grpc::Grpc(cx);
    let routes = Routes::new(CurriculumServer::new(grpc.clone()))
        .add_service(CourseMaterialServer::new(grpc))
        .add_service(EventLogServer::new(store).into_service());
    Ok(Service::new(NAME).grpc(routes).task("publisher", move |shutdown| publisher.clone().run(shutdown)))
}
