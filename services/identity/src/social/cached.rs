use std::future::Future;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// What a provider publishes: fetched once for all who wait for it, and kept.
#[derive(Debug)]
pub(super) struct Cached<T>(Mutex<Held<T>>);

#[derive(Debug)]
struct Held<T> {
    value: Option<(Arc<T>, DateTime<Utc>)>,
    failed: Option<(String, Instant)>,
}

impl<T> Cached<T> {
    pub(super) fn empty() -> Self {
        Self(Mutex::new(Held { value: None, failed: None }))
    }

    /// The value, younger than `age`.
    ///
    /// # Errors
    /// Of the fetch. An outdated value is no value: keys that were taken back would live as long as
    /// somebody keeps the issuer from answering.
    pub(super) async fn get(
        &self,
        now: DateTime<Utc>,
        age: TimeDelta,
        fetch: impl Future<Output = Result<T, String>>,
    ) -> Result<Arc<T>, String> {
        let asked = Instant::now();
        let mut held = self.0.lock().await;
        if let Some((value, _)) = held.value.as_ref().filter(|(_, at)| now - *at < age) {
            return Ok(Arc::clone(value));
        }
        // Whoever waited for a fetch that failed does not wait for the next.
        if let Some((error, _)) = held.failed.as_ref().filter(|(_, at)| *at >= asked) {
            return Err(error.clone());
        }
        match fetch.await {
            Ok(value) => {
                let value = Arc::new(value);
                held.value = Some((Arc::clone(&value), now));
                Ok(value)
            }
            Err(error) => {
                held.failed = Some((error.clone(), Instant::now()));
                Err(error)
            }
        }
    }
}
