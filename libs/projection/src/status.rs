use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

/// How a projection stands with one store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceReport {
    /// Last position known to be applied.
    pub position: u64,
    /// Why it does not go on at the moment, if so.
    pub problem: Option<String>,
    /// The problem is an event that this build cannot apply, at this position.
    pub poison: Option<u64>,
}

/// A live view of a projector, by store.
#[derive(Debug, Clone)]
pub struct ProjectorStatus(Arc<watch::Sender<BTreeMap<&'static str, SourceReport>>>);

impl Default for ProjectorStatus {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(BTreeMap::new())))
    }
}

impl ProjectorStatus {
    pub fn report(&self, store: &str) -> SourceReport {
        self.0.borrow().get(store).cloned().unwrap_or_default()
    }

    /// # Errors
    /// What stands still, for operators.
    pub fn ready(&self) -> Result<(), String> {
        let reports = self.0.borrow();
        let problem =
            reports.iter().find_map(|(store, report)| report.problem.as_ref().map(|why| (store, why)));
        problem.map_or(Ok(()), |(store, why)| Err(format!("projection of {store}: {why}")))
    }

    /// Waits until the report of a store fulfils the condition.
    pub async fn wait_for(
        &self,
        store: &str,
        mut condition: impl FnMut(&SourceReport) -> bool,
    ) -> SourceReport {
        let mut reports = self.0.subscribe();
        // The sender lives in `self`, so the channel is open.
        let found = reports.wait_for(|all| all.get(store).is_some_and(&mut condition)).await;
        found.ok().and_then(|all| all.get(store).cloned()).unwrap_or_default()
    }

    pub(crate) fn update(&self, store: &'static str, change: impl FnOnce(&mut SourceReport)) {
        self.0.send_modify(|reports| change(reports.entry(store).or_default()));
    }
}
