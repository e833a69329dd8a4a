use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use tokio_util::sync::CancellationToken;

use crate::state::App;

/// The bound socket. It outlives a task that is started again, but not the drain: as long as one
/// handle is open, the kernel accepts connections that nobody answers.
#[derive(Debug, Clone)]
pub struct Listener(Arc<Mutex<Option<TcpListener>>>);

impl Listener {
    pub fn new(listener: TcpListener) -> Self {
        Self(Arc::new(Mutex::new(Some(listener))))
    }

    fn open(&self) -> std::io::Result<tokio::net::TcpListener> {
        let bound = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let listener = bound.as_ref().ok_or(std::io::ErrorKind::NotConnected)?;
        tokio::net::TcpListener::from_std(listener.try_clone()?)
    }

    fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Serves until `shutdown`, then lets running requests finish and tells streams to end.
pub async fn run(bound: Listener, router: Router, app: App, shutdown: CancellationToken) {
    let listener = match bound.open() {
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
        bound.close();
        draining.cancel();
    };
    if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(drain).await {
        tracing::error!(%error, "the HTTP server failed");
    }
}
