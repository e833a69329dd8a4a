//! An issuer with a real key, and the verifier of a server that trusts it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use auth::{JwksCache, JwksError, JwksSource, Verifier};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use kernel::{Clock, ManualClock};
use serde_json::{Value, json};

pub const ISSUER: &str = "http://127.0.0.1:8080/api/auth";
pub const AUDIENCE: &str = "http://127.0.0.1:8080";

pub struct Issuer {
    pub key: EncodingKey,
    pub modulus: Vec<u8>,
    jwks: JwkSet,
    pub away: AtomicBool,
    pub fetches: AtomicUsize,
}

#[async_trait]
impl JwksSource for Issuer {
    async fn fetch(&self) -> Result<JwkSet, JwksError> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        if self.away.load(Ordering::SeqCst) { Err(JwksError::Unavailable) } else { Ok(self.jwks.clone()) }
    }
}

pub struct World {
    pub issuer: Arc<Issuer>,
    pub clock: Arc<ManualClock>,
    pub verifier: Verifier,
}

pub fn world() -> World {
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
    pub fn claims(&self) -> Value {
        let now = self.clock.now().timestamp();
        json!({"sub": "u1", "sid": "s1", "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 21_600,
               "role": "student", "email": "a@example.org", "email_verified": true, "name": "A"})
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(claims, |_| {})
    }

    pub fn sign_as(&self, claims: &Value, change: impl FnOnce(&mut Header)) -> String {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some("k1".to_owned());
        change(&mut header);
        jsonwebtoken::encode(&header, claims, &self.issuer.key).unwrap()
    }
}
