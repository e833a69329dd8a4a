//! The issuer's keys: how often it is asked, and what happens while it does not answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use auth::{JwksCache, JwksError, JwksSource, TokenError};
use chrono::{DateTime, TimeDelta};
use jsonwebtoken::jwk::JwkSet;
use kernel::ManualClock;
use tokio::sync::{RwLock, Semaphore};
use tokio::task::JoinSet;

use crate::world::{jwk, rsa_key, world};

/// Answers when it is let to.
struct Gated {
    set: RwLock<JwkSet>,
    away: AtomicBool,
    asked: AtomicUsize,
    began: Semaphore,
    gate: Semaphore,
}

#[async_trait]
impl JwksSource for Gated {
    async fn fetch(&self) -> Result<JwkSet, JwksError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let set = self.set.read().await.clone();
        self.began.add_permits(1);
        self.gate.acquire().await.unwrap().forget();
        if self.away.load(Ordering::SeqCst) { Err(JwksError::Unavailable) } else { Ok(set) }
    }
}

impl Gated {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// Waits until it is asked.
    async fn began(&self) {
        self.began.acquire().await.unwrap().forget();
    }

    async fn publish(&self, kids: &[&str]) {
        let key = rsa_key();
        self.set.write().await.keys = kids.iter().map(|kid| jwk(&key, kid)).collect();
    }

    fn open(&self) {
        self.gate.add_permits(1_000);
    }
}

struct Cached {
    source: Arc<Gated>,
    clock: Arc<ManualClock>,
    cache: Arc<JwksCache>,
}

async fn cached() -> Cached {
    let source = Arc::new(Gated {
        set: RwLock::default(),
        away: AtomicBool::new(false),
        asked: AtomicUsize::new(0),
        began: Semaphore::new(0),
        gate: Semaphore::new(0),
    });
    source.publish(&["k1"]).await;
    let clock = Arc::new(ManualClock::new(DateTime::UNIX_EPOCH + TimeDelta::days(20_000)));
    let cache = Arc::new(JwksCache::new(source.clone(), clock.clone()));
    Cached { source, clock, cache }
}

impl Cached {
    async fn key(&self, kid: &str) -> Result<(), JwksError> {
        self.cache.key(kid).await.map(drop)
    }

    /// Fifty at once, all of them waiting before the issuer answers.
    async fn fifty(&self, kid: &'static str) -> Vec<Result<(), JwksError>> {
        let mut all = JoinSet::new();
        for _ in 0..50 {
            let cache = Arc::clone(&self.cache);
            all.spawn(async move { cache.key(kid).await.map(drop) });
        }
        self.source.began().await;
        // They have run as far as they can, for there is one thread.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        self.source.open();
        all.join_all().await
    }
}

#[tokio::test]
async fn fifty_at_once_ask_once() {
    let cached = cached().await;
    assert_eq!(cached.fifty("k1").await, vec![Ok(()); 50]);
    assert_eq!(cached.source.asked(), 1);
}

#[tokio::test]
async fn fifty_at_once_share_a_failure_too() {
    let cached = cached().await;
    cached.source.away.store(true, Ordering::SeqCst);
    assert_eq!(cached.fifty("k1").await, vec![Err(JwksError::Unavailable); 50]);
    assert_eq!(cached.source.asked(), 1);
    // The next one tries, for there is nothing to fall back on.
    cached.source.away.store(false, Ordering::SeqCst);
    assert_eq!(cached.key("k1").await, Ok(()));
}

#[tokio::test]
async fn keys_are_fresh_for_five_minutes() {
    let cached = cached().await;
    cached.source.open();
    for (seconds, asked) in [(0, 1), (299, 1), (1, 2), (299, 2), (1, 3)] {
        cached.clock.advance(TimeDelta::seconds(seconds));
        assert_eq!(cached.key("k1").await, Ok(()));
        assert_eq!(cached.source.asked(), asked);
    }
}

#[tokio::test]
async fn a_key_that_was_withdrawn_is_refused_after_five_minutes() {
    let cached = cached().await;
    cached.source.open();
    assert_eq!(cached.key("k1").await, Ok(()));
    cached.source.publish(&["k2"]).await;
    assert_eq!(cached.key("k1").await, Ok(()));
    cached.clock.advance(TimeDelta::minutes(5));
    assert_eq!(cached.key("k1").await, Err(JwksError::UnknownKey));
}

#[tokio::test]
async fn unknown_keys_ask_at_most_every_ten_seconds() {
    let cached = cached().await;
    cached.source.open();
    assert_eq!(cached.key("k1").await, Ok(()));
    for (seconds, asked) in [(0, 1), (9, 1), (1, 2), (9, 2), (1, 3)] {
        cached.clock.advance(TimeDelta::seconds(seconds));
        for nth in 0..50 {
            assert_eq!(cached.key(&format!("unknown-{nth}")).await, Err(JwksError::UnknownKey));
        }
        assert_eq!(cached.source.asked(), asked);
    }
}

#[tokio::test]
async fn a_key_that_was_added_is_found_within_ten_seconds() {
    let cached = cached().await;
    cached.source.open();
    assert_eq!(cached.key("k1").await, Ok(()));
    cached.source.publish(&["k1", "k2"]).await;
    assert_eq!(cached.key("k2").await, Err(JwksError::UnknownKey));
    cached.clock.advance(TimeDelta::seconds(10));
    assert_eq!(cached.key("k2").await, Ok(()));
}

#[tokio::test]
async fn keys_that_are_said_to_have_changed_are_asked_for_at_once_and_once() {
    let cached = cached().await;
    cached.source.open();
    assert_eq!(cached.key("k1").await, Ok(()));
    assert_eq!(cached.key("unknown").await, Err(JwksError::UnknownKey));
    cached.source.publish(&["k2"]).await;
    cached.cache.expire();
    assert_eq!(cached.key("k2").await, Ok(()));
    assert_eq!(cached.key("k1").await, Err(JwksError::UnknownKey), "the withdrawn one is gone at once");
    for _ in 0..50 {
        assert_eq!(cached.key("unknown").await, Err(JwksError::UnknownKey));
    }
    assert_eq!(cached.source.asked(), 2);
}

#[tokio::test]
async fn a_change_while_the_issuer_answers_is_not_missed() {
    let cached = cached().await;
    cached.source.gate.add_permits(1);
    assert_eq!(cached.key("k1").await, Ok(()));
    cached.source.began().await;
    cached.cache.expire();
    let mut asking = JoinSet::new();
    let cache = Arc::clone(&cached.cache);
    asking.spawn(async move { cache.key("k1").await.map(drop) });
    // Its answer is on the way, and is the old one.
    cached.source.began().await;
    cached.source.publish(&["k2"]).await;
    cached.cache.expire();
    cached.source.open();
    assert_eq!(asking.join_next().await.unwrap().unwrap(), Ok(()));
    assert_eq!(cached.key("k2").await, Ok(()));
    assert_eq!(cached.source.asked(), 3);
}

#[tokio::test]
async fn a_change_that_cannot_be_fetched_leaves_the_known_keys() {
    let cached = cached().await;
    cached.source.open();
    assert_eq!(cached.key("k1").await, Ok(()));
    cached.source.away.store(true, Ordering::SeqCst);
    cached.cache.expire();
    for _ in 0..50 {
        assert_eq!(cached.key("k1").await, Ok(()));
    }
    assert_eq!(cached.source.asked(), 2);
    // Until the issuer is back.
    cached.source.away.store(false, Ordering::SeqCst);
    cached.source.publish(&["k2"]).await;
    cached.clock.advance(TimeDelta::seconds(10));
    assert_eq!(cached.key("k2").await, Ok(()));
    assert_eq!(cached.key("k1").await, Err(JwksError::UnknownKey));
}

#[tokio::test]
async fn nobody_waits_for_keys_that_are_known() {
    let cached = cached().await;
    cached.source.gate.add_permits(1);
    assert_eq!(cached.key("k1").await, Ok(()));
    cached.source.began().await;
    cached.clock.advance(TimeDelta::minutes(5));
    let mut asking = JoinSet::new();
    let cache = Arc::clone(&cached.cache);
    asking.spawn(async move { cache.key("k1").await.map(drop) });
    cached.source.began().await;
    // The issuer does not answer, and need not.
    assert_eq!(cached.key("k1").await, Ok(()));
    cached.source.open();
    assert_eq!(asking.join_next().await.unwrap().unwrap(), Ok(()));
    assert_eq!(cached.source.asked(), 2);
}

#[tokio::test]
async fn known_keys_stay_in_use_while_the_issuer_is_away() {
    let cached = cached().await;
    cached.source.open();
    assert_eq!(cached.key("k1").await, Ok(()));
    cached.source.away.store(true, Ordering::SeqCst);
    cached.clock.advance(TimeDelta::days(1));
    for _ in 0..50 {
        assert_eq!(cached.key("k1").await, Ok(()));
    }
    assert_eq!(cached.key("unknown").await, Err(JwksError::UnknownKey), "it is no 503: keys were seen");
    assert_eq!(cached.source.asked(), 2, "the one who is away is not stormed either");
    cached.source.away.store(false, Ordering::SeqCst);
    cached.clock.advance(TimeDelta::seconds(10));
    assert_eq!(cached.key("k1").await, Ok(()));
    assert_eq!(cached.source.asked(), 3);
}

#[tokio::test]
async fn a_set_without_keys_takes_none_away() {
    let cached = cached().await;
    cached.source.open();
    cached.source.publish(&[]).await;
    assert_eq!(cached.key("k1").await, Err(JwksError::Unavailable));
    cached.source.publish(&["k1"]).await;
    assert_eq!(cached.key("k1").await, Ok(()));
    cached.source.publish(&[]).await;
    cached.cache.expire();
    assert_eq!(cached.key("k1").await, Ok(()));
}

#[tokio::test]
async fn without_ever_seeing_a_key_the_answer_is_unavailable_and_recovers() {
    let world = world();
    world.issuer.away.store(true, Ordering::SeqCst);
    let token = world.sign(&world.claims());
    assert_eq!(world.verifier.verify(&token).await, Err(TokenError::Unavailable));
    world.issuer.away.store(false, Ordering::SeqCst);
    assert!(world.verifier.verify(&token).await.is_ok());
}

#[tokio::test]
async fn an_emergency_rotation_needs_no_waiting() {
    let world = world();
    world.verifier.verify(&world.sign(&world.claims())).await.unwrap();
    let new = rsa_key();
    world.issuer.jwks.lock().unwrap().keys = vec![jwk(&new, "k2")];
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
    header.kid = Some("k2".to_owned());
    let token = jsonwebtoken::encode(&header, &world.claims(), &new).unwrap();
    assert_eq!(world.verifier.verify(&token).await, Err(TokenError::Invalid));
    world.verifier.keys().expire();
    assert!(world.verifier.verify(&token).await.is_ok());
    let old = world.sign(&world.claims());
    assert_eq!(world.verifier.verify(&old).await, Err(TokenError::Invalid));
}
