//! Tokens signed with a real key, good and bad, against the public interface.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use auth::{JwksCache, JwksError, JwksSource, TokenError, Verifier};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kernel::{Clock, ManualClock};
use serde_json::{Value, json};

const ISSUER: &str = "http://127.0.0.1:8080/api/auth";
const AUDIENCE: &str = "http://127.0.0.1:8080";

struct Issuer {
    key: EncodingKey,
    modulus: Vec<u8>,
    jwks: JwkSet,
    away: AtomicBool,
    fetches: AtomicUsize,
}

#[async_trait]
impl JwksSource for Issuer {
    async fn fetch(&self) -> Result<JwkSet, JwksError> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        if self.away.load(Ordering::SeqCst) { Err(JwksError::Unavailable) } else { Ok(self.jwks.clone()) }
    }
}

struct World {
    issuer: Arc<Issuer>,
    clock: Arc<ManualClock>,
    verifier: Verifier,
}

fn world() -> World {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let components: PublicKeyComponents<Vec<u8>> = pair.public_key().into();
    let jwks = json!({"keys": [{
        "kty": "RSA", "alg": "RS256", "use": "sig", "kid": "k1",
        "n": URL_SAFE_NO_PAD.encode(&components.n), "e": URL_SAFE_NO_PAD.encode(&components.e),
    }]});
    let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
    let issuer = Arc::new(Issuer {
        key: pkcs8(der.as_ref()),
        modulus: components.n,
        jwks: serde_json::from_value(jwks).unwrap(),
        away: AtomicBool::new(false),
        fetches: AtomicUsize::new(0),
    });
    let clock = Arc::new(ManualClock::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap()));
    let keys = JwksCache::new(Arc::clone(&issuer) as Arc<dyn JwksSource>, clock.clone() as Arc<dyn Clock>);
    let verifier = Verifier::new(keys, ISSUER, AUDIENCE, clock.clone());
    World { issuer, clock, verifier }
}

fn pkcs8(der: &[u8]) -> EncodingKey {
    let body = base64::engine::general_purpose::STANDARD.encode(der);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
}

impl World {
    fn claims(&self) -> Value {
        let now = self.clock.now().timestamp();
        json!({"sub": "u1", "sid": "s1", "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 21_600,
               "role": "student", "email": "a@example.org", "email_verified": true, "name": "A"})
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_as(claims, |_| {})
    }

    fn sign_as(&self, claims: &Value, change: impl FnOnce(&mut Header)) -> String {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some("k1".to_owned());
        change(&mut header);
        jsonwebtoken::encode(&header, claims, &self.issuer.key).unwrap()
    }
}

#[tokio::test]
async fn a_good_token_is_accepted_until_it_expires() {
    let world = world();
    let token = world.sign(&world.claims());
    assert_eq!(world.verifier.verify(&token).await.unwrap().sub, "u1");
    world.clock.advance(TimeDelta::hours(6) + TimeDelta::seconds(31));
    assert_eq!(world.verifier.verify(&token).await, Err(TokenError::Expired));
}

#[tokio::test]
async fn forged_and_foreign_tokens_are_refused() {
    let world = world();
    let with = |key: &str, value: Value| {
        let mut claims = world.claims();
        claims[key] = value;
        world.sign(&claims)
    };
    let good = world.sign(&world.claims());
    let (head, rest) = good.split_once('.').unwrap();
    let none = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"k1"}"#));
    let mut hmac_header = Header::new(Algorithm::HS256);
    hmac_header.kid = Some("k1".to_owned());
    // The public key used as an HMAC secret (RFC 8725, section 2.1).
    let confused =
        jsonwebtoken::encode(&hmac_header, &world.claims(), &EncodingKey::from_secret(&world.issuer.modulus))
            .unwrap();
    let refused = [
        with("iss", json!("https://elsewhere.example")),
        with("aud", json!("https://elsewhere.example")),
        with("nbf", json!(world.clock.now().timestamp() + 3600)),
        with("role", json!("owner")),
        world.sign_as(&world.claims(), |header| header.typ = Some("logout+jwt".to_owned())),
        world.sign_as(&world.claims(), |header| header.kid = None),
        world.sign_as(&world.claims(), |header| header.kid = Some("../../k1".to_owned())),
        none,
        confused,
        format!("{head}.{}", rest.replacen('e', "f", 1)),
        "not a token".to_owned(),
        "a".repeat(100_000),
    ];
    for token in refused {
        assert_eq!(world.verifier.verify(&token).await, Err(TokenError::Invalid), "{token:.80}");
    }
}

#[tokio::test]
async fn known_keys_go_on_verifying_while_the_issuer_is_away() {
    let world = world();
    let token = world.sign(&world.claims());
    world.verifier.verify(&token).await.unwrap();
    world.issuer.away.store(true, Ordering::SeqCst);
    world.clock.advance(TimeDelta::hours(1));
    assert!(world.verifier.verify(&token).await.is_ok());
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
async fn unknown_key_ids_do_not_become_a_flood_of_fetches() {
    let world = world();
    world.verifier.verify(&world.sign(&world.claims())).await.unwrap();
    for nth in 0..50 {
        let forged = world.sign_as(&world.claims(), |header| header.kid = Some(format!("k-{nth}")));
        assert_eq!(world.verifier.verify(&forged).await, Err(TokenError::Invalid));
    }
    assert!(world.issuer.fetches.load(Ordering::SeqCst) <= 2);
}
