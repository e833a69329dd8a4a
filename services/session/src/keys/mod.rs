//! The keys that sign access tokens: sealed at rest, the same for every replica, succeeded by
//! younger ones. What a replica signs with is decided by the table and the clock alone.

mod operator;
mod ring;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::events::session::{SigningKeyCreated, SigningKeyRetired};
use chrono::{DateTime, TimeDelta, Utc};
use eventstore::{Meta, Opened, Store, StoreError};
use kernel::{Clock, Entropy, EventCodec};
use tokio_util::sync::CancellationToken;

use crate::domain::key::{self, Event, Rotation, Term};
use crate::lifetimes::Lifetimes;
use crate::postgres::keys::{self, StoredKey};
use crate::seal::{Sealer, Unsealable};

pub use operator::{KeyChest, SigningKey};
pub(crate) use ring::{JWT, Key, KeyRing};

pub(crate) const ALGORITHM: &str = "RS256";
/// Never a stream with events: its advisory lock makes replicas create one key, not one each.
const ROTATION_LOCK: &str = "signing-keys";
/// How old a published key set may be: a key that signs at once must not be looked for in vain.
const FRESH: TimeDelta = TimeDelta::seconds(1);
/// How long the published key set may wait for the database before the last known one is answered.
const PATIENCE: Duration = Duration::from_secs(1);
/// For as long the last known one is answered without another attempt.
const PAUSE: TimeDelta = TimeDelta::seconds(5);
/// Pause between two looks at what is due, and after one that failed.
const ROUND: Duration = Duration::from_secs(30);
const RETRY: Duration = Duration::from_secs(5);

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error(
        "signing key {0} cannot be opened: AUTH_SECRET is not the one it was sealed with. \
         Start with the former AUTH_SECRET; no new key is made while one exists. If that one was \
         used, the key is damaged: intellistack keys rotate --now --revoke gives it up"
    )]
    Unreadable(String),
    #[error("the cryptography library failed: {0}")]
    Crypto(&'static str),
    #[error("there is no key that may sign by now")]
    None,
    #[error("the database does not answer")]
    Unanswered,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Finds, makes and succeeds the keys; keeps them in memory.
#[derive(Clone)]
pub(crate) struct Keys {
    store: Store,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    sealer: Sealer,
    lifetimes: Lifetimes,
    cache: Arc<Cache>,
}

#[derive(Default)]
struct Cache {
    ring: Mutex<Option<Arc<KeyRing>>>,
    /// When the database last did not answer.
    failed_at: Mutex<Option<DateTime<Utc>>>,
    /// Of the requests of this process one looks, the others wait for it.
    loading: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

impl Keys {
    pub(crate) fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        sealer: Sealer,
        lifetimes: Lifetimes,
    ) -> Self {
        Self { store, clock, entropy, sealer, lifetimes, cache: Arc::default() }
    }

    /// The key to sign with. `kid` is the one that the table names for this time, as the caller has
    /// just read: what this process remembers is used only if it agrees.
    pub(crate) async fn signer(&self, kid: Option<&str>) -> Result<Arc<Key>, KeyError> {
        let agreed = |ring: &KeyRing| {
            let signer = ring.signer(self.clock.now());
            signer.filter(|key| Some(key.kid()) == kid && key.can_sign()).map(Arc::clone)
        };
        if let Some(key) = self.cached().and_then(|ring| agreed(&ring)) {
            return Ok(key);
        }
        let _single_flight = self.cache.loading.lock().await;
        if let Some(key) = self.cached().and_then(|ring| agreed(&ring)) {
            return Ok(key);
        }
        let ring = self.load().await?;
        ring.signer(self.clock.now()).map(Arc::clone).ok_or(KeyError::None)
    }

    /// The keys to publish; while the database is away those that were there before.
    pub(crate) async fn published(&self) -> Result<Arc<KeyRing>, KeyError> {
        if let Some(ring) = self.cached().filter(|ring| self.suffices(ring)) {
            return Ok(ring);
        }
        let _single_flight = self.cache.loading.lock().await;
        let known = self.cached();
        if let Some(ring) = known.clone().filter(|ring| self.suffices(ring)) {
            return Ok(ring);
        }
        let Some(known) = known else {
            // Making the first key takes its time.
            return self.load().await;
        };
        let outcome = tokio::time::timeout(PATIENCE, self.load()).await;
        match outcome.unwrap_or(Err(KeyError::Unanswered)) {
            Err(error @ (KeyError::Store(_) | KeyError::Unanswered)) => {
                tracing::warn!(%error, "publishing the last known signing keys");
                *lock(&self.cache.failed_at) = Some(self.clock.now());
                Ok(known)
            }
            outcome => outcome,
        }
    }

    fn suffices(&self, ring: &KeyRing) -> bool {
        let now = self.clock.now();
        let within = |at: DateTime<Utc>, limit| (TimeDelta::zero()..limit).contains(&(now - at));
        within(ring.loaded_at, FRESH) || lock(&self.cache.failed_at).is_some_and(|at| within(at, PAUSE))
    }

    fn cached(&self) -> Option<Arc<KeyRing>> {
        lock(&self.cache.ring).clone()
    }

    /// Reads the table; makes the first key when there never was any.
    async fn load(&self) -> Result<Arc<KeyRing>, KeyError> {
        let mut stored = keys::all(self.store.pool()).await?;
        if stored.is_empty() {
            self.tend().await?;
            stored = keys::all(self.store.pool()).await?;
        }
        let now = self.clock.now();
        let ring = Arc::new(KeyRing::open(&stored, &self.sealer, self.cached().as_deref(), now)?);
        *lock(&self.cache.ring) = Some(Arc::clone(&ring));
        *lock(&self.cache.failed_at) = None;
        Ok(ring)
    }

    /// Has a key ready before the first token is asked for, succeeds it in time, and drops those
    /// whose last token has expired. Goes on whatever fails, so that a process may start before
    /// its database.
    pub(crate) async fn tend_until(self, shutdown: CancellationToken) {
        let rounds = async {
            loop {
                let outcome = async {
                    self.tend().await?;
                    let _single_flight = self.cache.loading.lock().await;
                    self.load().await
                };
                let pause = match outcome.await {
                    Ok(_) => ROUND,
                    Err(error) => {
                        tracing::error!(%error, "the signing keys cannot be looked after");
                        RETRY
                    }
                };
                tokio::time::sleep(pause).await;
            }
        };
        shutdown.run_until_cancelled(rounds).await;
    }

    /// Does what is due, in one process at a time.
    async fn tend(&self) -> Result<(), KeyError> {
        if !self.is_anything_due(&keys::all(self.store.pool()).await?) {
            return Ok(());
        }
        let mut leading = self.store.open(ROTATION_LOCK).await?;
        let outcome = self.tend_leading(&mut leading).await;
        leading.rollback().await;
        outcome
    }

    fn is_anything_due(&self, stored: &[StoredKey]) -> bool {
        stored.is_empty() || self.is_rotation_due(stored) || self.expired(stored).next().is_some()
    }

    fn is_rotation_due(&self, stored: &[StoredKey]) -> bool {
        let youngest = stored.first().map(|key| key.term);
        key::is_rotation_due(youngest, self.lifetimes.key_rotation(), self.clock.now())
    }

    fn expired<'a>(&self, stored: &'a [StoredKey]) -> impl Iterator<Item = &'a StoredKey> + use<'a> {
        let now = self.clock.now();
        stored.iter().filter(move |key| !key.term.verifies(now))
    }

    async fn tend_leading(&self, leading: &mut Opened) -> Result<(), KeyError> {
        let stored = keys::all(leading.reader()).await?;
        for key in self.expired(&stored) {
            self.retire(key).await?;
        }
        if stored.is_empty() {
            self.create(Rotation::Now).await?;
        } else if self.is_rotation_due(&stored) {
            // Not with an AUTH_SECRET that the present keys do not open under.
            KeyRing::open(&stored, &self.sealer, self.cached().as_deref(), self.clock.now())?;
            self.create(Rotation::Announced).await?;
        }
        Ok(())
    }

    /// Makes a key outside of the schedule.
    async fn rotate(&self, how: Rotation) -> Result<(), KeyError> {
        let mut leading = self.store.open(ROTATION_LOCK).await?;
        let outcome = self.rotate_leading(&mut leading, how).await;
        leading.rollback().await;
        outcome
    }

    async fn rotate_leading(&self, leading: &mut Opened, how: Rotation) -> Result<(), KeyError> {
        let stored = keys::all(leading.reader()).await?;
        if how != Rotation::NowRevoking {
            KeyRing::open(&stored, &self.sealer, None, self.clock.now())?;
        }
        self.create(if stored.is_empty() { Rotation::Now } else { how }).await?;
        if how == Rotation::NowRevoking {
            for key in self.expired(&keys::all(leading.reader()).await?) {
                self.retire(key).await?;
            }
        }
        Ok(())
    }

    async fn create(&self, how: Rotation) -> Result<(), KeyError> {
        let generated = tokio::task::spawn_blocking(ring::generate).await;
        let generated = generated.map_err(|_| KeyError::Crypto("generating a key"))??;
        let kid = generated.kid;
        let sealed = self.sealer.seal(&kid, &generated.pkcs8, &*self.entropy);
        let sealed = sealed.map_err(|Unsealable| KeyError::Crypto("sealing"))?;
        let now = self.clock.now();
        let succession = how.at(now, self.lifetimes.access_token());
        let signs_from = succession.signs_from;
        let term = Term { created_at: now, signs_from, verifies_until: None };
        let event = Event::Created(SigningKeyCreated {
            key_id: kid.clone(),
            algorithm: ALGORITHM.to_owned(),
            signs_from: (signs_from > now).then(|| api::timestamp(signs_from)),
        });
        let opened = self.store.open(&stream(&kid)).await?;
        let mut appended = opened.append(&[event.encode()], &meta(now)).await?;
        keys::succeed(appended.tx(), succession.others_verify_until).await?;
        let key = StoredKey { kid: kid.clone(), sealed, public_jwk: generated.public_jwk, term };
        keys::insert(appended.tx(), &key).await?;
        appended.commit().await?;
        tracing::info!(kid, %signs_from, "made a signing key");
        Ok(())
    }

    /// Its last token has expired, or it is revoked: nothing is left of it but its events.
    async fn retire(&self, key: &StoredKey) -> Result<(), KeyError> {
        let event = Event::Retired(SigningKeyRetired {
            key_id: key.kid.clone(),
            verifies_until: api::timestamp_opt(key.term.verifies_until),
        });
        let opened = self.store.open(&stream(&key.kid)).await?;
        let mut appended = opened.append(&[event.encode()], &meta(self.clock.now())).await?;
        keys::delete(appended.tx(), &key.kid).await?;
        appended.commit().await?;
        tracing::info!(kid = key.kid, "a signing key is retired");
        Ok(())
    }
}

fn meta(now: DateTime<Utc>) -> Meta {
    Meta { traceparent: runtime::current_traceparent(), ..Meta::at(now) }
}

fn stream(kid: &str) -> String {
    format!("key-{kid}")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
