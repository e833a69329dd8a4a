use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use kernel::Error;
use tracing::Instrument;

use crate::error::Problem;
use crate::state::App;

/// Opens the request's span under the caller's `traceparent`, answers the trace id in
/// `x-trace-id`, counts and logs.
pub async fn trace(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("(page)", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("http", %method, route);
    let parent = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    runtime::continue_trace(&span, parent);
    let started = Instant::now();
    let mut response = async {
        let trace_id = runtime::trace_id();
        let mut response = next.run(request).await;
        if let Ok(value) = HeaderValue::from_str(&trace_id) {
            response.headers_mut().insert("x-trace-id", value);
        }
        let status = response.status().as_u16();
        tracing::info!(status, trace_id, elapsed_ms = started.elapsed().as_millis(), "answered");
        response
    }
    .instrument(span)
    .await;
    let status = response.status().as_u16().to_string();
    metrics::counter!("http_requests_total", "route" => route.clone(), "status" => status).increment(1);
    metrics::histogram!("http_request_seconds", "route" => route).record(started.elapsed().as_secs_f64());
    response.headers_mut().remove(header::SERVER);
    response
}

/// A state-changing request that carries cookies must come from a page of ours: the browser's
/// `Origin` says so, and a foreign page cannot forge it.
pub async fn require_trusted_origin(State(app): State<App>, request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let carries_cookies = request.headers().contains_key(header::COOKIE);
    if !safe && carries_cookies && !app.origins.allows_headers(request.headers()) {
        let refused = Error::denied("ORIGIN_NOT_TRUSTED", "This request must come from a page of this site.");
        return Problem::from(refused).into_response();
    }
    next.run(request).await
}
