//! Read models: folds over the events of one or more stores, kept up to date by the bus and mended
//! from the stores' owners.
//!
//! # A projection
//! Implement [`Projection`]: a name, the stores it reads, and one event turned into SQL. The event
//! and the checkpoint are written in one transaction, so each event counts once, in the order of
//! its store, whatever the bus repeats, reorders or drops.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use eventstore::{RecordedEvent, Store};
//! # use projection::{ApplyError, Projection, Projector, RemoteEventLogs};
//! # use tokio_util::sync::CancellationToken;
//! struct SignIns;
//!
//! #[async_trait::async_trait]
//! impl Projection for SignIns {
//!     fn name(&self) -> &'static str { "sign_ins" }
//!     fn sources(&self) -> &'static [&'static str] { &["session"] }
//!     async fn apply(&self, tx: &mut sqlx::PgConnection, event: &RecordedEvent) -> Result<(), ApplyError> {
//!         if event.event_type == "session.started" {
//!             sqlx::query("insert into sign_ins values ($1)").bind(event.at).execute(tx).await?;
//!         }
//!         Ok(())                                        // unknown types are not ours
//!     }
//! }
//!
//! # async fn run(pool: sqlx::PgPool, nats: async_nats::Client, own: Store, session: tonic::transport::Channel, clock: Arc<dyn kernel::Clock>, shutdown: CancellationToken) {
//! let logs = Arc::new(RemoteEventLogs::default().local(own).remote("session", session));
//! Projector::new(pool, nats, "intellistack", Arc::new(SignIns), logs, clock).run(shutdown).await;
//! # }
//! ```
//!
//! What is sealed in events is asked for in [`Projection::prepare`], outside of the transaction.
//!
//! An owner of a store mounts [`EventLogServer`]: `EventLogServer::new(store).into_service()`.
//!
//! # When something fails
//! What is away is tried again within two seconds. An event that cannot be applied
//! ([`ApplyError::Poison`]) stops that projection for its store, raises `projection_poisoned`, and
//! is tried again with pauses up to a minute: nothing is skipped. To rebuild, empty the tables and
//! set the checkpoints to 0 in one transaction.
//!
//! # Metrics
//! By `projection` and `store`: `projection_position`, `projection_applied_total`,
//! `projection_holes_total`, `projection_poisoned` (alarm when 1).
mod checkpoint;
mod feed;
mod follower;
mod log;
mod projection;
mod projector;
mod span;
mod status;
mod tail;

pub use log::{EventLogReader, EventLogServer, EventLogService, Head, ReadError, RemoteEventLogs};
pub use projection::{ApplyError, Projection};
pub use projector::Projector;
pub use status::{ProjectorStatus, SourceReport};
pub use tail::{Observer, Tail};

/// Table `checkpoints`. Run into every service schema after the event store's migrations and
/// before the service's own; versions 500 to 999.
pub static MIGRATOR: sqlx::migrate::Migrator =
    sqlx::migrate::Migrator { ignore_missing: true, ..sqlx::migrate!("../../migrations/projection") };
