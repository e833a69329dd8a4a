use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::Router;
use tokio_util::sync::CancellationToken;

use crate::state::App;

/// Serves until `shutdown`, then lets running requests finish and tells streams to end.
pub async fn run(listener: Arc<TcpListener>, router: Router, app: App, shutdown: CancellationToken) {
    let listener = match listener.try_clone().and_then(tokio::net::TcpListener::from_std) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the HTTP listener is gone");
            return;
        }
    };
    tracing::info!(address = ?listener.local_addr().ok(), url = app.public_origin, "answering HTTP");
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let draining = app.draining.clone();
    let drain = async move {
        shutdown.cancelled().await;
        draining.cancel();
    };
    if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(drain).await {
        tracing::error!(%error, "the HTTP server failed");
    }
}
