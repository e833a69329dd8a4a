//! The keys that sign access tokens: made once, sealed at rest, the same for every replica.

use std::fmt;
use std::sync::Arc;

use api::events::session::SigningKeyCreated;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use eventstore::{Meta, Opened, Store, StoreError};
use kernel::{Clock, Entropy, EventCodec};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::domain::session::KeyEvent;
use crate::postgres::keys::{self, StoredKey};
use crate::seal::{Sealer, Unsealable};

pub(crate) const ALGORITHM: &str = "RS256";
/// Never a stream with events: its advisory lock makes replicas create one key, not one each.
const CREATION_LOCK: &str = "signing-keys";

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error(
        "signing key {0} cannot be opened: AUTH_SECRET is not the one it was sealed with. \
         Start with the former AUTH_SECRET; no new key is made while one exists"
    )]
    Unreadable(String),
    #[error("the cryptography library failed: {0}")]
    Crypto(&'static str),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Finds or makes the keys, and keeps them in memory.
#[derive(Clone)]
pub(crate) struct Keys {
    store: Store,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    sealer: Sealer,
    ring: Arc<OnceCell<Arc<KeyRing>>>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys")
    }
}

/// The keys in use.
pub(crate) struct KeyRing {
    kid: String,
    pair: RsaKeyPair,
    jwks: String,
}

impl KeyRing {
    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// The public keys as RFC 7517, section 5, has them.
    pub(crate) fn jwks(&self) -> &str {
        &self.jwks
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, section 3.3).
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| KeyError::Crypto("signing"))?;
        Ok(signature)
    }
}

impl Keys {
    pub(crate) fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        sealer: Sealer,
    ) -> Self {
        Self { store, clock, entropy, sealer, ring: Arc::default() }
    }

    /// The keys, made when there never were any. One request of this process looks, the others
    /// wait for it.
    pub(crate) async fn ring(&self) -> Result<Arc<KeyRing>, KeyError> {
        self.ring.get_or_try_init(|| self.find_or_create()).await.map(Arc::clone)
    }

    async fn find_or_create(&self) -> Result<Arc<KeyRing>, KeyError> {
        let stored = keys::all(self.store.pool()).await?;
        if !stored.is_empty() {
            return self.open(&stored);
        }
        let mut lock = self.store.open(CREATION_LOCK).await?;
        let mut stored = keys::all(lock.reader()).await?;
        if stored.is_empty() {
            self.create().await?;
            // As every later reader gets it: the key sets of two replicas are the same bytes.
            stored = keys::all(lock.reader()).await?;
        }
        Opened::rollback(lock).await;
        self.open(&stored)
    }

    fn open(&self, stored: &[StoredKey]) -> Result<Arc<KeyRing>, KeyError> {
        let newest = stored.first().ok_or(KeyError::Crypto("no key"))?;
        let pkcs8 = self.sealer.open(&newest.kid, &newest.sealed);
        let pkcs8 = pkcs8.map_err(|Unsealable| KeyError::Unreadable(newest.kid.clone()))?;
        let pair = RsaKeyPair::from_pkcs8(&pkcs8).map_err(|_| KeyError::Crypto("reading a PKCS#8 key"))?;
        let public: Vec<&Value> = stored.iter().map(|key| &key.public_jwk).collect();
        let jwks = json!({ "keys": public }).to_string();
        Ok(Arc::new(KeyRing { kid: newest.kid.clone(), pair, jwks }))
    }

    async fn create(&self) -> Result<(), KeyError> {
        // Finding two primes takes a core for some tenths of a second.
        let generated = tokio::task::spawn_blocking(generate).await;
        let (pkcs8, kid, public_jwk) = generated.map_err(|_| KeyError::Crypto("generating a key"))??;
        let sealed = self
            .sealer
            .seal(&kid, &pkcs8, &*self.entropy)
            .map_err(|Unsealable| KeyError::Crypto("sealing"))?;
        let now = self.clock.now();
        let key = StoredKey { kid: kid.clone(), sealed, public_jwk };
        let created =
            KeyEvent::Created(SigningKeyCreated { key_id: kid.clone(), algorithm: ALGORITHM.to_owned() });
        let meta = Meta { traceparent: runtime::current_traceparent(), ..Meta::at(now) };
        let opened = self.store.open(&format!("key-{kid}")).await?;
        let mut appended = opened.append(&[created.encode()], &meta).await?;
        keys::insert(appended.tx(), &key, now).await?;
        appended.commit().await?;
        tracing::info!(kid, "made the first signing key");
        Ok(())
    }
}

type Generated = (Zeroizing<Vec<u8>>, String, Value);

fn generate() -> Result<Generated, KeyError> {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Crypto("generating a key"))?;
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError::Crypto("writing a PKCS#8 key"))?;
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let n = part(pair.public_key().modulus().big_endian_without_leading_zero());
    let e = part(pair.public_key().exponent().big_endian_without_leading_zero());
    let kid = thumbprint(&n, &e);
    let public = json!({ "kty": "RSA", "use": "sig", "alg": ALGORITHM, "kid": kid, "n": n, "e": e });
    Ok((Zeroizing::new(pkcs8.as_ref().to_vec()), kid, public))
}

/// RFC 7638, section 3: the required members in lexical order, without white space.
fn thumbprint(n: &str, e: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_the_one_of_rfc_7638() {
        // RFC 7638, section 3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        assert_eq!(thumbprint(n, "AQAB"), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }
}
