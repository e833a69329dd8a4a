use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::{Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{AlgorithmFamily, DecodingKey};
use kernel::Clock;
use tokio::sync::{Mutex, MutexGuard, RwLock};

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
    /// How often the keys were said to have changed.
    changes: AtomicU64,
}

impl std::fmt::Debug for JwksCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JwksCache")
    }
}

#[derive(Default)]
struct Keys {
    by_id: HashMap<String, Arc<DecodingKey>>,
    fetched: Option<Asked>,
    tried: Option<Asked>,
    attempts: u64,
}

/// When the issuer was asked, and which change of its keys was the last one known by then.
#[derive(Clone, Copy)]
struct Asked {
    at: DateTime<Utc>,
    changes: u64,
}

impl Asked {
    fn still(asked: Option<Self>, now: Self, within: TimeDelta) -> bool {
        asked.is_some_and(|asked| asked.changes == now.changes && now.at - asked.at < within)
    }
}

struct Found {
    key: Option<Arc<DecodingKey>>,
    fresh: bool,
    /// As far as is known the keys have not changed since they were fetched.
    current: bool,
    attempts: u64,
}

impl JwksCache {
    pub fn new(source: Arc<dyn JwksSource>, clock: Arc<dyn Clock>) -> Self {
        Self {
            source,
            clock,
            keys: RwLock::default(),
            fetching: Mutex::default(),
            changes: AtomicU64::default(),
        }
    }

    /// The keys have changed, says an event of the issuer: the next token, of a known key or not,
    /// asks for them at once. Those already known stay in use while the issuer is away.
    pub fn expire(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    /// The key of a token's `kid`.
    ///
    /// # Errors
    /// [`JwksError::Unavailable`] when no key set was ever seen, [`JwksError::UnknownKey`] when
    /// the set has no such key.
    pub async fn key(&self, kid: &str) -> Result<Arc<DecodingKey>, JwksError> {
        let found = self.look_up(kid).await;
        if let (Some(key), true) = (&found.key, found.fresh) {
            return Ok(Arc::clone(key));
        }
        match (self.fetching.try_lock(), &found.key) {
            (Ok(turn), _) => self.refresh(kid, found.attempts, turn).await,
            // Nobody need wait for the answer who can do without.
            (Err(_), Some(key)) if found.current => return Ok(Arc::clone(key)),
            (Err(_), _) => self.refresh(kid, found.attempts, self.fetching.lock().await).await,
        }
        if let Some(key) = self.look_up(kid).await.key {
            return Ok(key);
        }
        let never_seen = self.keys.read().await.fetched.is_none();
        Err(if never_seen { JwksError::Unavailable } else { JwksError::UnknownKey })
    }

    async fn look_up(&self, kid: &str) -> Found {
        let keys = self.keys.read().await;
        let now = self.now();
        Found {
            key: keys.by_id.get(kid).cloned(),
            fresh: Asked::still(keys.fetched, now, FRESH),
            current: keys.fetched.is_some_and(|fetched| fetched.changes == now.changes),
            attempts: keys.attempts,
        }
    }

    fn now(&self) -> Asked {
        Asked { at: self.clock.now(), changes: self.changes.load(Ordering::SeqCst) }
    }

    /// Asks the issuer, unless another request just did.
    async fn refresh(&self, kid: &str, attempts: u64, turn: MutexGuard<'_, ()>) {
        // What changes while the issuer answers may be missing from the answer.
        let now = self.now();
        {
            let keys = self.keys.read().await;
            let answered_meanwhile = Asked::still(keys.fetched, now, FRESH) && keys.by_id.contains_key(kid);
            // Before the first success every request may try, for there is nothing to fall back on;
            // but those that waited for one attempt share its outcome.
            let bounded = keys.fetched.is_some() || keys.attempts != attempts;
            if answered_meanwhile || (bounded && Asked::still(keys.tried, now, REFETCH)) {
                return;
            }
        }
        let outcome = self.source.fetch().await;
        let mut keys = self.keys.write().await;
        keys.tried = Some(now);
        keys.attempts += 1;
        match outcome.map(|set| usable(&set)) {
            Ok(by_id) if !by_id.is_empty() => {
                keys.by_id = by_id;
                keys.fetched = Some(now);
            }
            Ok(_) => tracing::warn!("a key set without a key to verify with: using the last known ones"),
            Err(error) => {
                tracing::warn!(%error, "the signing keys could not be fetched: using the last known ones");
            }
        }
        drop(turn);
    }
}

fn usable(set: &JwkSet) -> HashMap<String, Arc<DecodingKey>> {
    set.keys.iter().filter_map(rs256_key).collect()
}

fn rs256_key(jwk: &Jwk) -> Option<(String, Arc<DecodingKey>)> {
    let common = &jwk.common;
    let id = common.key_id.clone()?;
    let for_this = matches!(common.key_algorithm, None | Some(KeyAlgorithm::RS256))
        && matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
    let key = DecodingKey::from_jwk(jwk).ok()?;
    (for_this && key.family() == AlgorithmFamily::Rsa).then(|| (id, Arc::new(key)))
}
