use std::collections::HashMap;

use kernel::TraceParent;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    #[default]
    Pretty,
    Json,
}

/// Logs and traces of a process; spans are flushed when it is shut down.
#[derive(Debug)]
pub struct Telemetry(SdkTracerProvider);

#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("the log filter is not valid: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    #[error("the OTLP exporter cannot be built: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    #[error("logging is initialised already")]
    Initialised(#[from] tracing_subscriber::util::TryInitError),
}

impl Telemetry {
    /// Logs to standard error by `filter`; exports spans when `otlp_endpoint` is given. Trace ids
    /// are made either way, so that a log line, an event and a read-model row can be joined.
    ///
    /// # Errors
    /// [`TelemetryError`] for a bad filter or endpoint, or when called twice.
    pub fn init(
        format: LogFormat,
        filter: &str,
        otlp_endpoint: Option<&str>,
    ) -> Result<Self, TelemetryError> {
        let mut provider = SdkTracerProvider::builder()
            .with_resource(Resource::builder().with_service_name("intellistack").build());
        if let Some(endpoint) = otlp_endpoint {
            let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
            provider = provider.with_batch_exporter(exporter);
        }
        let provider = provider.build();
        let traces = tracing_opentelemetry::layer().with_tracer(provider.tracer("intellistack"));
        let logs = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        let logs = match format {
            LogFormat::Pretty => logs.with_target(true).compact().boxed(),
            LogFormat::Json => logs.json().flatten_event(true).with_current_span(true).boxed(),
        };
        tracing_subscriber::registry()
            .with(EnvFilter::try_new(filter)?)
            .with(traces)
            .with(logs)
            .try_init()?;
        Ok(Self(provider))
    }

    /// Sends what is buffered. Failures are logged: a lost span must not fail a shutdown.
    pub fn shutdown(&self) {
        if let Err(error) = self.0.shutdown() {
            tracing::warn!(%error, "spans could not be flushed");
        }
    }
}

/// The current span as a `traceparent` header; `None` outside of any trace.
pub fn current_traceparent() -> Option<TraceParent> {
    let mut carrier: HashMap<String, String> = HashMap::new();
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut carrier);
    carrier.get("traceparent").and_then(|text| TraceParent::parse(text))
}

/// The trace id of the current span, 32 hexadecimal digits; empty outside of any trace.
pub fn trace_id() -> String {
    let context = Span::current().context();
    let span = context.span();
    let id = span.span_context().trace_id();
    if id == opentelemetry::TraceId::INVALID { String::new() } else { id.to_string() }
}

/// Puts `span` under the trace of a `traceparent` header, when it holds a valid one.
pub fn continue_trace(span: &Span, traceparent: Option<&str>) {
    let Some(parent) = traceparent.and_then(TraceParent::parse) else { return };
    let carrier = HashMap::from([("traceparent".to_owned(), parent.as_str().to_owned())]);
    let context = TraceContextPropagator::new().extract(&carrier);
    if let Err(error) = span.set_parent(context) {
        tracing::debug!(?error, "the span did not take its parent");
    }
}
