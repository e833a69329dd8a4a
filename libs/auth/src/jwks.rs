use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{AlgorithmFamily, DecodingKey};
use kernel::Clock;
use tokio::sync::{Mutex, RwLock};

const FRESH: TimeDelta = TimeDelta::minutes(5);
/// An unknown `kid` asks the issuer again at most this often, or a flood of forged tokens would
/// become a flood of requests.
const REFETCH: TimeDelta = TimeDelta::seconds(10);

/// Where the key set comes from: the issuer's `jwks_uri`, or the session service itself.
#[async_trait]
pub trait JwksSource: Send + Sync {
    /// The key set as it stands (RFC 7517, section 5).
    async fn fetch(&self) -> Result<JwkSet, JwksError>;
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// The issuer is away and no key was ever seen: nothing can be verified.
    #[error("the signing keys cannot be fetched")]
    Unavailable,
    #[error("the token was signed with an unknown key")]
    UnknownKey,
}

/// The issuer's keys: fetched once for all waiting requests, kept for five minutes, and kept in
/// use when the issuer is away.
pub struct JwksCache {
    source: Arc<dyn JwksSource>,
    clock: Arc<dyn Clock>,
    keys: RwLock<Keys>,
    fetching: Mutex<()>,
}

impl std::fmt::Debug for JwksCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JwksCache")
    }
}

#[derive(Default)]
struct Keys {
    by_id: HashMap<String, Arc<DecodingKey>>,
    fetched_at: Option<DateTime<Utc>>,
    tried_at: Option<DateTime<Utc>>,
}

impl Keys {
    fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        self.fetched_at.is_some_and(|at| now - at < FRESH)
    }

    fn tried_lately(&self, now: DateTime<Utc>) -> bool {
        self.tried_at.is_some_and(|at| now - at < REFETCH)
    }
}

impl JwksCache {
    pub fn new(source: Arc<dyn JwksSource>, clock: Arc<dyn Clock>) -> Self {
        Self { source, clock, keys: RwLock::default(), fetching: Mutex::default() }
    }

    /// The key of a token's `kid`.
    ///
    /// # Errors
    /// [`JwksError::Unavailable`] when no key set was ever seen, [`JwksError::UnknownKey`] when
    /// the set has no such key.
    pub async fn key(&self, kid: &str) -> Result<Arc<DecodingKey>, JwksError> {
        let (known, fresh) = self.look_up(kid).await;
        if let (Some(key), true) = (&known, fresh) {
            return Ok(Arc::clone(key));
        }
        self.refresh(kid).await;
        let (now_known, _) = self.look_up(kid).await;
        if let Some(key) = now_known.or(known) {
            return Ok(key);
        }
        let never_seen = self.keys.read().await.fetched_at.is_none();
        Err(if never_seen { JwksError::Unavailable } else { JwksError::UnknownKey })
    }

    async fn look_up(&self, kid: &str) -> (Option<Arc<DecodingKey>>, bool) {
        let keys = self.keys.read().await;
        (keys.by_id.get(kid).cloned(), keys.is_fresh(self.clock.now()))
    }

    /// Asks the issuer, unless another request just did.
    async fn refresh(&self, kid: &str) {
        let _single_flight = self.fetching.lock().await;
        let now = self.clock.now();
        {
            let keys = self.keys.read().await;
            let answered_meanwhile = keys.is_fresh(now) && keys.by_id.contains_key(kid);
            // Before the first success every request may try: there is nothing to fall back on.
            let bounded = keys.tried_lately(now) && keys.fetched_at.is_some();
            if answered_meanwhile || bounded {
                return;
            }
        }
        let outcome = self.source.fetch().await;
        let mut keys = self.keys.write().await;
        keys.tried_at = Some(now);
        match outcome {
            Ok(set) => {
                keys.by_id = set.keys.iter().filter_map(rsa_key).collect();
                keys.fetched_at = Some(now);
            }
            Err(error) => {
                tracing::warn!(%error, "the signing keys could not be fetched: using the last known ones");
            }
        }
    }
}

fn rsa_key(jwk: &Jwk) -> Option<(String, Arc<DecodingKey>)> {
    let id = jwk.common.key_id.clone()?;
    let key = DecodingKey::from_jwk(jwk).ok()?;
    (key.family() == AlgorithmFamily::Rsa).then(|| (id, Arc::new(key)))
}
