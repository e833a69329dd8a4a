//! What every process needs and no service should write again: telemetry, database pools, the
//! bus, channels to peers, supervised tasks, health, and a shutdown that drains.
//!
//! A service is a value: `build(options, deps) -> Service` wires it and starts nothing. The
//! binary decides which services share a process and calls [`serve`].

mod connect;
mod deps;
mod grpc;
mod health;
pub mod migrate;
mod ops;
mod outbound;
mod peers;
mod service;
mod shutdown;
mod task;
mod telemetry;

pub use connect::{bus, pool};
pub use deps::Deps;
pub use grpc::PeerAuthLayer;
pub use health::{CheckReport, Health, ReadyReport};
pub use ops::{Metrics, health_router, router as ops_router, serve_http};
pub use outbound::{Outbound, OutboundError};
pub use peers::{PeerChannel, PeerInterceptor, Peers};
pub use service::{ServeError, Service, Task, serve};
pub use shutdown::on_signal;
pub use task::spawn;
pub use telemetry::{LogFormat, Telemetry, TelemetryError, continue_trace, current_traceparent, trace_id};
