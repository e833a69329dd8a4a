use std::future::Future;

use tokio::task::JoinHandle;
use tracing::Instrument;

/// Starts a task under a name and the current span. The only way to start one: a bare
/// `tokio::spawn` loses the trace.
#[expect(clippy::disallowed_methods, reason = "the one place that starts tasks")]
pub fn spawn<F>(name: &'static str, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let span = tracing::info_span!("task", name);
    tokio::spawn(future.instrument(span))
}
