//! An application with a key of its own, which it proves to hold.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey};
use kernel::Clock;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::world::{World, rsa_key, sign_text, with};

pub struct Holder {
    pub key: EncodingKey,
    pub algorithm: Algorithm,
    /// The public one, as it stands in proofs.
    pub jwk: Value,
    pub jkt: String,
}

impl Holder {
    pub fn ec() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self::of(EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()), Algorithm::ES256)
    }

    pub fn ed() -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        Self::of(EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref()), Algorithm::EdDSA)
    }

    pub fn rsa(algorithm: Algorithm) -> Self {
        Self::of(rsa_key(), algorithm)
    }

    fn of(key: EncodingKey, algorithm: Algorithm) -> Self {
        let jwk = Jwk::from_encoding_key(&key, algorithm).unwrap();
        let jkt = jwk.thumbprint(ThumbprintHash::SHA256).unwrap();
        Self { key, algorithm, jwk: serde_json::to_value(jwk).unwrap(), jkt }
    }

    pub fn header(&self) -> Value {
        json!({"typ": "dpop+jwt", "alg": format!("{:?}", self.algorithm), "jwk": self.jwk})
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(&self.header(), claims)
    }

    pub fn sign_as(&self, header: &Value, claims: &Value) -> String {
        sign_text(&header.to_string(), &claims.to_string(), &self.key, self.algorithm)
    }

    /// A token of the application that is bound to this key.
    pub fn token(&self, world: &World) -> String {
        world.sign_oauth(&with(&world.oauth_claims(), "cnf", json!({"jkt": self.jkt})))
    }

    /// A good proof for one request.
    pub fn proof(&self, world: &World, jti: &str, (method, url): (&str, &str), token: &str) -> String {
        let now = world.clock.now().timestamp();
        self.sign(&json!({"jti": jti, "htm": method, "htu": url, "iat": now, "ath": ath(token)}))
    }
}

pub fn ath(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(token))
}
