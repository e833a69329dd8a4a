use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;

use crate::PeerAuthLayer;

/// How long a drain may take before what is left is cut off.
const DRAIN: Duration = Duration::from_secs(20);
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// A wired service: what it answers and what it does in the background. Nothing runs yet.
pub struct Service {
    name: &'static str,
    routes: Option<Routes>,
    tasks: Vec<Task>,
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("name", &self.name)
            .field("tasks", &self.tasks)
            .finish_non_exhaustive()
    }
}

/// Background work. It runs until `shutdown`; a panic is logged, counted and answered by a fresh
/// start after a second.
#[derive(Clone)]
pub struct Task {
    name: &'static str,
    run: Arc<dyn Fn(CancellationToken) -> BoxFuture<'static, ()> + Send + Sync>,
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Service {
    pub fn new(name: &'static str) -> Self {
        Self { name, routes: None, tasks: Vec::new() }
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Adds the gRPC services it answers: `Routes::new(server).add_service(other)`.
    #[must_use]
    pub fn grpc(mut self, routes: Routes) -> Self {
        self.routes = Some(routes);
        self
    }

    /// Adds background work that returns only when the token is cancelled.
    #[must_use]
    pub fn task<F, Fut>(mut self, name: &'static str, run: F) -> Self
    where
        F: Fn(CancellationToken) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.tasks.push(Task { name, run: Arc::new(move |shutdown| Box::pin(run(shutdown))) });
        self
    }

    /// Takes the gRPC routes out, for tests that serve them in memory.
    pub fn into_routes(self) -> Option<Routes> {
        self.routes
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("the gRPC server of {service} failed: {source}")]
    Grpc { service: &'static str, source: tonic::transport::Error },
    #[error("{0} did not drain in time")]
    Drain(&'static str),
}

/// Runs a service until `shutdown`: gRPC on `listener` (when it answers any), and its tasks.
/// Returns when everything has drained, or after 20 s.
///
/// # Errors
/// [`ServeError`] when the server fails or the drain takes too long.
pub async fn serve(
    service: Service,
    listener: Option<TcpListener>,
    token: &SecretString,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let name = service.name;
    let tasks = service.tasks.into_iter().map(|task| supervise(task, shutdown.clone()));
    let background = futures::future::join_all(tasks);
    let answering = answer(name, service.routes.zip(listener), token, shutdown.clone());
    tokio::pin!(background, answering);
    let mut done = (false, false);
    let mut deadline = std::pin::pin!(async {
        shutdown.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    });
    while done != (true, true) {
        tokio::select! {
            outcome = &mut answering, if !done.0 => { outcome?; done.0 = true; }
            _ = &mut background, if !done.1 => done.1 = true,
            () = &mut deadline => return Err(ServeError::Drain(name)),
        }
    }
    Ok(())
}

async fn answer(
    name: &'static str,
    served: Option<(Routes, TcpListener)>,
    token: &SecretString,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let Some((routes, listener)) = served else { return Ok(()) };
    let address: Option<SocketAddr> = listener.local_addr().ok();
    tracing::info!(service = name, ?address, "answering gRPC");
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_service_status("", tonic_health::ServingStatus::Serving).await;
    let draining = shutdown.clone();
    let stop = async move {
        draining.cancelled().await;
        reporter.set_service_status("", tonic_health::ServingStatus::NotServing).await;
    };
    tonic::transport::Server::builder()
        .layer(PeerAuthLayer::new(token, name))
        .add_routes(routes)
        .add_service(health)
        // Or an answer in two packets waits 40 ms for an acknowledgement.
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), stop)
        .await
        .map_err(|source| ServeError::Grpc { service: name, source })
}

async fn supervise(task: Task, shutdown: CancellationToken) {
    loop {
        let outcome = crate::spawn(task.name, (task.run)(shutdown.clone())).await;
        if shutdown.is_cancelled() {
            return;
        }
        match outcome {
            Ok(()) => {
                tracing::error!(task = task.name, "a background task ended by itself: starting it again");
            }
            Err(error) => {
                tracing::error!(task = task.name, %error, "a background task failed: starting it again");
            }
        }
        metrics::counter!("task_restarts_total", "task" => task.name).increment(1);
        tokio::select! {
            () = tokio::time::sleep(RESTART_DELAY) => {}
            () = shutdown.cancelled() => return,
        }
    }
}
