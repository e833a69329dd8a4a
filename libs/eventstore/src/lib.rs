//! Event store on Postgres, with JetStream as its rebuildable copy.
//!
//! # A command
//! Load, decide, append; one stream per transaction. What must be true at once (a reservation, an
//! inline table, a mail to be sent) is written with the events or not at all.
//!
//! ```no_run
//! # use eventstore::{effects, Meta, Store, StoreError};
//! # use kernel::{EventCodec, NewEvent};
//! # async fn rename<E: EventCodec>(store: Store, meta: Meta, decide: fn(&[E]) -> Vec<NewEvent>) -> Result<u64, StoreError> {
//! let mut opened = store.open("course-42").await?;      // nobody else appends to it from here on
//! let history = opened.load::<E>().await?;
//! let decided = decide(&history);                       // pure: no I/O, no clock, no randomness
//! if decided.is_empty() {
//!     opened.rollback().await;
//!     return Ok(0);
//! }
//! let mut appended = opened.append(&decided, &meta).await?;
//! sqlx::query("update courses set title = $1").bind("…").execute(appended.tx()).await?;
//! effects::enqueue(appended.tx(), "mail", "course-42:renamed", &serde_json::json!({}), meta.at).await?;
//! appended.commit().await
//! # }
//! ```
//!
//! # What runs beside it
//! One [`Publisher`] per process gives committed events their positions and copies them to the
//! bus; one [`effects::EffectWorker`] performs the effects. Both run until told to stop, report
//! what is wrong, and need no restart after an outage.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use eventstore::{Publisher, Store, effects::{Effect, EffectWorker}};
//! # use tokio_util::sync::CancellationToken;
//! # async fn run(store: Store, nats: async_nats::Client, clock: Arc<dyn kernel::Clock>, mail: Arc<dyn Effect>, shutdown: CancellationToken) {
//! let publisher = Publisher::new(store.clone(), nats, "intellistack", clock.clone()).replicas(3);
//! let status = publisher.status();                      // status.ready() for /readyz
//! let worker = EffectWorker::new(store, vec![mail], clock);
//! tokio::join!(publisher.run(shutdown.clone()), worker.run(shutdown));
//! # }
//! ```
//!
//! # What holds
//! Every committed event gets exactly one position, dense from 1; positions follow each stream's
//! versions; the bus is a prefix of that order; effects happen at least once under one key. How:
//! ADR 0002 (the bus), ADR 0003 (positions).
//!
//! # Metrics
//! By `store`: `eventstore_sequenced_total`, `eventstore_published_total`,
//! `eventstore_bus_lag_events`, `eventstore_frontier_age_seconds` (alarm above 5 s),
//! `eventstore_relay_failures_total`, `eventstore_incarnations_total`; by `kind` and `outcome`:
//! `effects_attempts_total`.

mod append;
mod backoff;
pub mod bus;
pub mod effects;
mod error;
mod publisher;
mod recorded;
pub mod sealing;
mod store;

pub use append::{Appended, Opened, Private};
pub use backoff::Backoff;
pub use error::{StoreError, is_transient};
pub use publisher::{Publisher, PublisherReport, PublisherStatus};
pub use recorded::{Meta, RecordedEvent, RecordedMeta};
pub use store::{DEFAULT_MAX_EVENT_BYTES, Store};

/// Tables `events`, `sequencer`, `effects` and `subject_keys`. Run into every service schema, before the service's
/// own migrations; versions below 500. A schema holds the migrations of several migrators in one
/// table, so each must ignore those it does not know.
pub static MIGRATOR: sqlx::migrate::Migrator =
    sqlx::migrate::Migrator { ignore_missing: true, ..sqlx::migrate!("../../migrations/eventstore") };
