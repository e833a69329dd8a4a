mod auth_details;
mod auth_event_log;
mod fact_turn;

pub(crate) use auth_event_log::AuthEventLog;
pub(crate) use fact_turn::FactTurn;

use kernel::TraceParent;

/// A field of an event: empty is absent. Postgres holds every character but NUL, and an event must
/// not stop the projection for one.
fn text(field: &str) -> Option<String> {
    (!field.is_empty()).then(|| field.replace('\0', "\u{fffd}"))
}

/// Positions, counts and milliseconds stay far below 2^63.
fn number(value: impl Into<u64>) -> i64 {
    i64::try_from(value.into()).unwrap_or(i64::MAX)
}

fn trace_id(event: &eventstore::RecordedEvent) -> Option<&str> {
    event.meta.traceparent.as_ref().map(TraceParent::trace_id)
}
