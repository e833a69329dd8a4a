use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use serde::Serialize;

const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

type Check = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// The readiness checks of a process. Liveness never depends on them: a process whose database
/// is away must stay up to come back by itself.
#[derive(Clone, Default)]
pub struct Health(Arc<Mutex<BTreeMap<String, Check>>>);

/// The check that fails while the process drains.
const SHUTDOWN: &str = "shutdown";

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lock().keys()).finish()
    }
}

/// One check's outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    pub ok: bool,
    pub detail: String,
}

/// The body of `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReadyReport {
    /// `ready` or `degraded`.
    pub status: &'static str,
    pub checks: BTreeMap<String, CheckReport>,
}

impl ReadyReport {
    pub fn is_ready(&self) -> bool {
        self.checks.values().all(|check| check.ok)
    }
}

impl Health {
    /// Adds a check, run at every `/readyz`. The error text is shown to operators.
    pub fn register<F, Fut>(&self, name: impl Into<String>, check: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.lock().insert(name.into(), Arc::new(move || Box::pin(check())));
    }

    /// Adds a check of something that keeps its own report.
    pub fn register_status<F>(&self, name: impl Into<String>, status: F)
    where
        F: Fn() -> Result<(), String> + Send + Sync + 'static,
    {
        self.register(name, move || std::future::ready(status()));
    }

    /// Adds the check that a pool's database answers.
    pub fn register_pool(&self, name: impl Into<String>, pool: sqlx::PgPool) {
        self.register(name, move || {
            let pool = pool.clone();
            async move {
                sqlx::query("select 1")
                    .execute(&pool)
                    .await
                    .map(drop)
                    .map_err(|_| "database does not answer".to_owned())
            }
        });
    }

    /// Adds the check that the bus is connected.
    pub fn register_bus(&self, name: impl Into<String>, client: async_nats::Client) {
        self.register(name, move || {
            let state = client.connection_state();
            async move {
                (state == async_nats::connection::State::Connected)
                    .then_some(())
                    .ok_or_else(|| "not connected to NATS".to_owned())
            }
        });
    }

    /// From now on the process is not ready: it finishes what it has and takes nothing new.
    pub fn drain(&self) {
        self.register(SHUTDOWN, || async { Err("draining".to_owned()) });
    }

    /// Runs every check side by side, each for at most two seconds.
    pub async fn report(&self) -> ReadyReport {
        let checks: Vec<(String, Check)> =
            self.lock().iter().map(|(name, check)| (name.clone(), Arc::clone(check))).collect();
        let outcomes = futures::future::join_all(checks.into_iter().map(|(name, check)| async move {
            let outcome = tokio::time::timeout(CHECK_TIMEOUT, check()).await;
            let report = match outcome {
                Ok(Ok(())) => CheckReport { ok: true, detail: "ok".to_owned() },
                Ok(Err(detail)) => CheckReport { ok: false, detail },
                Err(_) => CheckReport { ok: false, detail: "no answer in 2 s".to_owned() },
            };
            (name, report)
        }))
        .await;
        let checks: BTreeMap<String, CheckReport> = outcomes.into_iter().collect();
        let status = if checks.values().all(|check| check.ok) { "ready" } else { "degraded" };
        ReadyReport { status, checks }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Check>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_failing_check_makes_the_process_degraded_and_says_which() {
        let health = Health::default();
        health.register("good", || async { Ok(()) });
        assert!(health.report().await.is_ready());
        health.register("bad", || async { Err("gone".to_owned()) });
        let report = health.report().await;
        assert!(!report.is_ready());
        assert_eq!(report.checks["bad"], CheckReport { ok: false, detail: "gone".to_owned() });
        assert!(report.checks["good"].ok);
    }

    #[tokio::test]
    async fn a_draining_process_is_not_ready() {
        let health = Health::default();
        health.drain();
        let report = health.report().await;
        assert!(!report.is_ready());
        assert_eq!(report.checks["shutdown"].detail, "draining");
    }
}
