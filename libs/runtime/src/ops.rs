use axum::Json;
use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

use crate::Health;

/// The process's metrics registry.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    /// Installs the registry that the `metrics` macros write to. Once per process.
    ///
    /// # Errors
    /// When another registry is installed already.
    pub fn install() -> Result<Self, BuildError> {
        PrometheusBuilder::new().install_recorder().map(Self)
    }

    /// The text exposition format of Prometheus.
    pub fn render(&self) -> String {
        self.0.run_upkeep();
        self.0.render()
    }
}

/// `/healthz` (the process lives) and `/readyz` (its checks, 503 when one fails).
pub fn health_router(health: Health) -> Router {
    let ready = move || {
        let health = health.clone();
        async move {
            let report = health.report().await;
            let status = if report.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            (status, Json(report)).into_response()
        }
    };
    Router::new()
        .route("/healthz", get(|| async { Json(serde_json::json!({ "status": "ok" })) }))
        .route("/readyz", get(ready))
}

/// The listener for operators alone: the health of the process, and `/metrics`.
pub fn router(health: Health, metrics: Metrics) -> Router {
    let render = move || {
        let text = metrics.render();
        async move { ([("content-type", "text/plain; version=0.0.4")], text) }
    };
    health_router(health).route("/metrics", get(render))
}

/// Serves a router until `shutdown`, then lets running requests finish.
///
/// # Errors
/// When the listener fails.
pub async fn serve_http(
    listener: tokio::net::TcpListener,
    router: Router,
    shutdown: tokio_util::sync::CancellationToken,
) -> std::io::Result<()> {
    axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await
}
