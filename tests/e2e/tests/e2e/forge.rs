//! Tokens that nobody should believe, made with the keys an attacker has or should not have.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use intellistack_e2e::{Answer, System};
use reqwest::Method;
use serde_json::{Value, json};

/// A signing key that the test holds and the system believes once it is published.
pub struct Issuer {
    pair: RsaKeyPair,
    pub kid: String,
}

impl Issuer {
    pub fn new() -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
        let der: Pkcs8V1Der<'_> = pair.as_der().expect("its PKCS#8 form");
        let kid = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, der.as_ref()));
        Self { pair, kid }
    }

    pub fn jwk(&self) -> Value {
        let public = self.pair.public_key();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.kid,
            "n": part(public.modulus().big_endian_without_leading_zero()),
            "e": part(public.exponent().big_endian_without_leading_zero()),
        })
    }

    /// Puts the public key among the old ones, which verify and sign nothing new.
    pub async fn publish(&self, system: &System) {
        sqlx::query(
            "insert into session.signing_keys
               (kid, algorithm, sealed, public_jwk, created_at, signs_from, generation)
             overriding system value
             values ($1, 'RS256', ''::bytea, $2, '2000-01-01', '2000-01-01', 0)",
        )
        .bind(&self.kid)
        .bind(self.jwk())
        .execute(&system.postgres.pool())
        .await
        .expect("publish a key");
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(&json!({ "alg": "RS256", "typ": "JWT", "kid": self.kid }), claims)
    }

    pub fn sign_as(&self, head: &Value, claims: &Value) -> String {
        self.sign_text(&head.to_string(), &claims.to_string())
    }

    /// Signs what no JSON library would write.
    pub fn sign_text(&self, head: &str, claims: &str) -> String {
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .expect("a signature");
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

pub fn hs256(head: &Value, claims: &Value, secret: &[u8]) -> String {
    let text = format!("{}.{}", encode(head), encode(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// The token with one claim changed and its signature kept.
pub fn tampered(token: &str, claim: &str, value: &Value) -> String {
    let mut claims = decode(token, 1);
    claims[claim] = value.clone();
    let parts: Vec<&str> = token.split('.').collect();
    format!("{}.{}.{}", parts[0], encode(&claims), parts[2])
}

pub fn encode(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

pub fn decode(token: &str, part: usize) -> Value {
    let text = token.split('.').nth(part).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).expect("base64")).expect("JSON")
}

pub fn clock() -> DateTime<Utc> {
    #[expect(clippy::disallowed_methods, reason = "the clock of the processes under test")]
    Utc::now()
}

pub async fn with_bearer(system: &System, token: &str) -> Answer {
    let request = system.api.request(Method::GET, "/api/v1/me/quota");
    Answer::of(request.header("authorization", format!("Bearer {token}"))).await
}

pub async fn chatkit_with_bearer(system: &System, token: &str) -> Answer {
    let request = system.api.request(Method::POST, "/api/v1/chatkit");
    let request = request.header("authorization", format!("Bearer {token}"));
    Answer::of(request.json(&json!({ "type": "threads.list", "params": {} }))).await
}
