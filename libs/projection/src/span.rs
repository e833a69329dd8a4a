use eventstore::RecordedEvent;
use kernel::TraceParent;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The span in which an event is applied. It is linked to the trace that caused the event, and not
/// its child: a rebuild years later must not prolong the trace of the command.
pub(crate) fn span_of(projection: &'static str, event: &RecordedEvent) -> Span {
    let trace_id = event.meta.traceparent.as_ref().map(TraceParent::trace_id);
    let span = tracing::debug_span!(
        "apply",
        projection,
        store = event.store,
        position = event.position,
        r#type = event.event_type,
        trace_id
    );
    if let Some(cause) = event.meta.traceparent.as_ref().and_then(context_of)
        && !span.is_disabled()
    {
        span.add_link(cause);
    }
    span
}

fn context_of(trace: &TraceParent) -> Option<SpanContext> {
    let mut parts = trace.as_str().split('-').skip(1);
    let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
    Some(SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        TraceState::default(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_names_the_span_that_caused_the_event() {
        let trace = TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
        let context = context_of(&trace).unwrap();
        assert_eq!(context.trace_id().to_string(), trace.trace_id());
        assert_eq!(context.span_id().to_string(), "00f067aa0ba902b7");
        assert!(context.is_sampled() && context.is_remote());
    }
}
