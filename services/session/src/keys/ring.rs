use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{ALGORITHM, KeyError};
use crate::domain::key::{self, Term};
use crate::postgres::keys::StoredKey;
use crate::seal::{Sealer, Unsealable};

/// Type of ID tokens and of the access tokens that sessions get.
pub(crate) const JWT: &str = "JWT";
/// Longer tokens are none of ours.
const MAX_TOKEN: usize = 8 * 1024;

/// The keys as they stood at one time, youngest first.
pub(crate) struct KeyRing {
    keys: Vec<Arc<Key>>,
    pub(super) loaded_at: DateTime<Utc>,
}

pub(crate) struct Key {
    kid: String,
    term: Term,
    jwk: Value,
    /// Of keys that sign now or later; the others only verify.
    pair: Option<Arc<RsaKeyPair>>,
    /// First part of the tokens of type JWT that it signs.
    header: String,
    verifying: Option<DecodingKey>,
}

impl Key {
    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    pub(crate) fn term(&self) -> Term {
        self.term
    }

    /// Whether its private part was opened: not that of a former key, to which a clock that is set
    /// back may return.
    pub(super) fn can_sign(&self) -> bool {
        self.pair.is_some()
    }

    /// Signs a token of the type (RFC 7515, section 4.1.9).
    pub(crate) fn sign_token(&self, typ: &str, claims: &impl Serialize) -> Result<String, KeyError> {
        let header = if typ == JWT {
            self.header.clone()
        } else {
            URL_SAFE_NO_PAD.encode(json!({ "alg": ALGORITHM, "typ": typ, "kid": self.kid }).to_string())
        };
        let claims = serde_json::to_vec(claims).map_err(|_| KeyError::Crypto("writing a token"))?;
        let mut token = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
        let signature = self.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, section 3.3).
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let pair = self.pair.as_ref().ok_or(KeyError::Crypto("signing with a former key"))?;
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| KeyError::Crypto("signing"))?;
        Ok(signature)
    }
}

impl KeyRing {
    /// Opens what may sign now or later; a pair that `former` holds is not parsed again.
    pub(super) fn open(
        stored: &[StoredKey],
        sealer: &Sealer,
        former: Option<&Self>,
        now: DateTime<Utc>,
    ) -> Result<Self, KeyError> {
        let mut keys = Vec::with_capacity(stored.len());
        let mut succeeded = false;
        for key in stored {
            let pair = if succeeded || !key.term.verifies(now) {
                None
            } else {
                Some(former.and_then(|ring| ring.pair(&key.kid)).map_or_else(|| pair(key, sealer), Ok)?)
            };
            succeeded |= key.term.may_sign(now);
            let header = json!({ "alg": ALGORITHM, "typ": JWT, "kid": key.kid }).to_string();
            keys.push(Arc::new(Key {
                kid: key.kid.clone(),
                term: key.term,
                jwk: key.public_jwk.clone(),
                pair,
                header: URL_SAFE_NO_PAD.encode(header),
                verifying: verifying(&key.public_jwk),
            }));
        }
        Ok(Self { keys, loaded_at: now })
    }

    fn pair(&self, kid: &str) -> Option<Arc<RsaKeyPair>> {
        self.keys.iter().find(|key| key.kid == kid)?.pair.clone()
    }

    /// The key that signs now.
    pub(crate) fn signer(&self, now: DateTime<Utc>) -> Option<&Arc<Key>> {
        key::signer(self.keys.iter(), |key| key.term, now)
    }

    /// The claims of a token of ours of this type, however old; what is in them is for the caller to
    /// judge.
    pub(crate) fn open_token(&self, token: &str, typ: &str) -> Option<Map<String, Value>> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let header = jsonwebtoken::decode_header(token).ok()?;
        if header.alg != Algorithm::RS256 || header.typ.as_deref() != Some(typ) || header.crit.is_some() {
            return None;
        }
        let kid = header.kid?;
        let key = self.keys.iter().find(|key| key.kid == kid)?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Some(jsonwebtoken::decode(token, key.verifying.as_ref()?, &validation).ok()?.claims)
    }

    /// Whether tokens that this key has signed are accepted now.
    pub(crate) fn accepts(&self, token: &str, now: DateTime<Utc>) -> bool {
        let kid = jsonwebtoken::decode_header(token).ok().and_then(|header| header.kid);
        self.keys.iter().any(|key| Some(&key.kid) == kid.as_ref() && key.term.verifies(now))
    }

    /// The public keys that verify now, as RFC 7517, section 5, has them.
    pub(crate) fn jwks(&self, now: DateTime<Utc>) -> String {
        let public: Vec<&Value> =
            self.keys.iter().filter(|key| key.term.verifies(now)).map(|key| &key.jwk).collect();
        json!({ "keys": public }).to_string()
    }
}

fn verifying(jwk: &Value) -> Option<DecodingKey> {
    let jwk: Jwk = serde_json::from_value(jwk.clone()).ok()?;
    DecodingKey::from_jwk(&jwk).ok()
}

fn pair(key: &StoredKey, sealer: &Sealer) -> Result<Arc<RsaKeyPair>, KeyError> {
    let pkcs8 = sealer.open(&key.kid, &key.sealed);
    let pkcs8 = pkcs8.map_err(|Unsealable| KeyError::Unreadable(key.kid.clone()))?;
    let pair = RsaKeyPair::from_pkcs8(&pkcs8).map_err(|_| KeyError::Crypto("reading a PKCS#8 key"))?;
    Ok(Arc::new(pair))
}

/// A key that was just made.
pub(super) struct Generated {
    pub(super) pkcs8: Zeroizing<Vec<u8>>,
    pub(super) kid: String,
    pub(super) public_jwk: Value,
}

/// Finding two primes takes a core for some tenths of a second.
pub(super) fn generate() -> Result<Generated, KeyError> {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyError::Crypto("generating a key"))?;
    let pkcs8: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| KeyError::Crypto("writing a PKCS#8 key"))?;
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let n = part(pair.public_key().modulus().big_endian_without_leading_zero());
    let e = part(pair.public_key().exponent().big_endian_without_leading_zero());
    let kid = thumbprint(&n, &e);
    let public_jwk = json!({ "kty": "RSA", "use": "sig", "alg": ALGORITHM, "kid": kid, "n": n, "e": e });
    Ok(Generated { pkcs8: Zeroizing::new(pkcs8.as_ref().to_vec()), kid, public_jwk })
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
