//! An issuer with a real key, and the verifier of a server that trusts it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use auth::{JwksCache, JwksError, JwksSource, Verifier};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kernel::{Clock, ManualClock};
use serde_json::{Value, json};

pub const ISSUER: &str = "http://127.0.0.1:8080/api/auth";
pub const AUDIENCE: &str = "http://127.0.0.1:8080";

pub struct Issuer {
    pub key: EncodingKey,
    pub jwks: Mutex<JwkSet>,
    pub away: AtomicBool,
    pub fetches: AtomicUsize,
}

#[async_trait]
impl JwksSource for Issuer {
    async fn fetch(&self) -> Result<JwkSet, JwksError> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        if self.away.load(Ordering::SeqCst) {
            return Err(JwksError::Unavailable);
        }
        Ok(self.jwks.lock().unwrap().clone())
    }
}

impl Issuer {
    pub fn new() -> Self {
        let key = rsa_key();
        let jwks = Mutex::new(JwkSet { keys: vec![jwk(&key, "k1")] });
        Self { key, jwks, away: AtomicBool::new(false), fetches: AtomicUsize::new(0) }
    }

    pub fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    /// Its first key as it is published.
    pub fn public(&self) -> Value {
        serde_json::to_value(&self.jwks.lock().unwrap().keys[0]).unwrap()
    }
}

pub struct World {
    pub issuer: Arc<Issuer>,
    pub clock: Arc<ManualClock>,
    pub verifier: Verifier,
}

pub fn world() -> World {
    let issuer = Arc::new(Issuer::new());
    let clock = Arc::new(ManualClock::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap()));
    let verifier = verifier(&issuer, &clock);
    World { issuer, clock, verifier }
}

fn verifier(issuer: &Arc<Issuer>, clock: &Arc<ManualClock>) -> Verifier {
    let keys = JwksCache::new(Arc::clone(issuer) as Arc<dyn JwksSource>, clock.clone() as Arc<dyn Clock>);
    Verifier::new(keys, ISSUER, AUDIENCE, clock.clone())
}

pub fn rsa_key() -> EncodingKey {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
    let body = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
}

pub fn jwk(key: &EncodingKey, kid: &str) -> Jwk {
    let mut jwk = Jwk::from_encoding_key(key, Algorithm::RS256).unwrap();
    jwk.common.key_id = Some(kid.to_owned());
    jwk
}

/// Signs what no JSON library would write.
pub fn sign_text(header: &str, payload: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

impl World {
    /// That of a server of its own.
    pub fn another_verifier(&self) -> Verifier {
        verifier(&self.issuer, &self.clock)
    }

    /// Of a token for our own pages.
    pub fn claims(&self) -> Value {
        let now = self.clock.now().timestamp();
        json!({"sub": "u1", "sid": "s1", "jti": "t1", "iss": ISSUER, "aud": AUDIENCE, "iat": now,
               "exp": now + 21_600, "sep": 1, "role": "student", "email": "a@example.org",
               "email_verified": true, "name": "A"})
    }

    /// Of a token that an application got for a user (RFC 9068).
    pub fn oauth_claims(&self) -> Value {
        let now = self.clock.now().timestamp();
        json!({"sub": "u1", "sid": "s1", "jti": "t1", "iss": ISSUER, "iat": now, "exp": now + 3_600,
               "aud": [AUDIENCE, format!("{ISSUER}/oauth2/userinfo")], "client_id": "app", "azp": "app",
               "scope": "openid email courses:read", "sep": 1, "gid": "g1", "role": "student",
               "email": "a@example.org", "email_verified": true})
    }

    /// Of a token that an application got for itself.
    pub fn client_claims(&self) -> Value {
        let now = self.clock.now().timestamp();
        json!({"sub": "app", "jti": "t1", "iss": ISSUER, "iat": now, "exp": now + 3_600,
               "aud": [AUDIENCE], "client_id": "app", "azp": "app", "scope": "courses:read"})
    }

    /// Of an ID token (OpenID Connect Core, section 2).
    pub fn id_claims(&self) -> Value {
        let now = self.clock.now().timestamp();
        json!({"sub": "u1", "sid": "s1", "iss": ISSUER, "iat": now, "exp": now + 3_600, "aud": "app",
               "auth_time": now, "nonce": "n", "at_hash": "h", "email": "a@example.org",
               "email_verified": true, "name": "A"})
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(claims, |_| {})
    }

    pub fn sign_oauth(&self, claims: &Value) -> String {
        self.sign_as(claims, |header| header.typ = Some("at+jwt".to_owned()))
    }

    pub fn sign_as(&self, claims: &Value, change: impl FnOnce(&mut Header)) -> String {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some("k1".to_owned());
        change(&mut header);
        jsonwebtoken::encode(&header, claims, &self.issuer.key).unwrap()
    }

    pub fn sign_text(&self, header: &str, payload: &str) -> String {
        sign_text(header, payload, &self.issuer.key, Algorithm::RS256)
    }
}

pub fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

pub fn without(claims: &Value, name: &str) -> Value {
    let mut claims = claims.clone();
    claims.as_object_mut().unwrap().remove(name);
    claims
}
