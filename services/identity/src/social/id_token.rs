use aws_lc_rs::constant_time;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

const MAX_SUBJECT_BYTES: usize = 255;
/// Clocks of two machines may differ by this much; nobody is let in later than a token says.
const LEEWAY: TimeDelta = TimeDelta::seconds(60);
/// A longer token is refused before it is parsed.
const MAX_BYTES: usize = 64 * 1024;
/// Asymmetric only: with a shared secret, or none, whoever knows it could sign.
const ALGORITHMS: [Algorithm; 3] = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256];

/// Why an ID token proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("malformed")]
    Malformed,
    #[error("not signed by an algorithm that is accepted")]
    Algorithm,
    #[error("of another type, or with extensions that are not understood")]
    Header,
    #[error("signed with an unknown key")]
    UnknownKey,
    #[error("the provider's keys cannot be fetched")]
    Unavailable,
    #[error("the signature does not fit")]
    Signature,
    #[error("of another issuer")]
    Issuer,
    #[error("for somebody else")]
    Audience,
    #[error("expired")]
    Expired,
    #[error("not issued yet, or long ago")]
    IssuedAt,
    #[error("without a nonce")]
    NonceMissing,
    #[error("with another nonce")]
    Nonce,
    #[error("beside another access token")]
    AccessToken,
    #[error("without a usable subject")]
    Subject,
}

/// What an ID token must say (OpenID Connect Core, section 3.1.3.7).
#[derive(Debug)]
pub(super) struct Expected<'a> {
    pub(super) issuers: &'a [String],
    pub(super) client_id: &'a str,
    /// Empty: the token must be bound to no sign-in.
    pub(super) nonce: &'a str,
    /// Given beside it: must be the one of `at_hash`, if that is there.
    pub(super) access_token: Option<&'a str>,
    /// Issued at most this long ago.
    pub(super) max_age: Option<TimeDelta>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    iss: String,
    pub(super) sub: String,
    aud: Audience,
    #[serde(default)]
    azp: Option<String>,
    exp: i64,
    iat: i64,
    #[serde(default)]
    nbf: Option<i64>,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    at_hash: Option<String>,
    #[serde(flatten)]
    pub(super) person: Person,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

/// The standard claims about a person (OpenID Connect Core, section 5.1) that are of use. What has
/// another type than the standard says counts as absent.
#[derive(Debug, Default, Clone, Deserialize)]
pub(super) struct Person {
    #[serde(default, deserialize_with = "text")]
    pub(super) email: Option<String>,
    #[serde(default, deserialize_with = "truth")]
    pub(super) email_verified: bool,
    #[serde(default, deserialize_with = "text")]
    pub(super) name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) preferred_username: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) picture: Option<String>,
}

/// An algorithm and the key that the token says it was signed with.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    algorithm: Algorithm,
    key_id: Option<String>,
}

/// Reads which key is needed. `jku`, `jwk`, `x5u` and `x5c` are never looked at: keys come from the
/// provider's document only.
pub(super) fn wanted(token: &str) -> Result<Wanted, Fault> {
    if token.len() > MAX_BYTES {
        return Err(Fault::Malformed);
    }
    let header: Header = jsonwebtoken::decode_header(token).map_err(|error| {
        use jsonwebtoken::errors::ErrorKind;
        match error.kind() {
            // "none" and whatever else has no name among the known ones.
            ErrorKind::Json(_) | ErrorKind::InvalidAlgorithmName => Fault::Algorithm,
            _ => Fault::Malformed,
        }
    })?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(Fault::Algorithm);
    }
    // An access or logout token is signed by the same key and is no ID token (RFC 8725, 3.11).
    let typed = header.typ.as_deref().is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
    if !typed || header.crit.is_some() {
        return Err(Fault::Header);
    }
    Ok(Wanted { algorithm: header.alg, key_id: header.kid })
}

impl Wanted {
    /// The key in the provider's set. A token that names none is good if only one key fits.
    pub(super) fn find(&self, set: &JwkSet) -> Option<DecodingKey> {
        let mut fitting = set.keys.iter().filter(|key| self.fits(key));
        let key = fitting.next()?;
        if self.key_id.is_none() && fitting.next().is_some() {
            return None;
        }
        DecodingKey::from_jwk(key).ok()
    }

    fn fits(&self, key: &Jwk) -> bool {
        let common = &key.common;
        let named = self.key_id.is_none() || self.key_id == common.key_id;
        let signs = common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
        let algorithm = match self.algorithm {
            Algorithm::RS256 => KeyAlgorithm::RS256,
            Algorithm::PS256 => KeyAlgorithm::PS256,
            _ => KeyAlgorithm::ES256,
        };
        let meant = common.key_algorithm.as_ref().is_none_or(|meant| *meant == algorithm);
        let kind = match &key.algorithm {
            AlgorithmParameters::RSA(_) => self.algorithm != Algorithm::ES256,
            AlgorithmParameters::EllipticCurve(curve) => {
                self.algorithm == Algorithm::ES256 && curve.curve == EllipticCurve::P256
            }
            _ => false,
        };
        named && signs && meant && kind
    }

    /// The claims, once everything about them is as expected.
    pub(super) fn verify(
        &self,
        token: &str,
        key: &DecodingKey,
        expected: &Expected<'_>,
        now: DateTime<Utc>,
    ) -> Result<Claims, Fault> {
        let mut validation = Validation::new(self.algorithm);
        // Checked below, against the injected clock and more strictly.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let claims = jsonwebtoken::decode::<Claims>(token, key, &validation).map_err(|error| {
            use jsonwebtoken::errors::ErrorKind;
            match error.kind() {
                ErrorKind::InvalidSignature => Fault::Signature,
                _ => Fault::Malformed,
            }
        })?;
        expected.check(claims.claims, now)
    }
}

impl Expected<'_> {
    fn check(&self, claims: Claims, now: DateTime<Utc>) -> Result<Claims, Fault> {
        if !self.issuers.contains(&claims.iss) {
            return Err(Fault::Issuer);
        }
        self.check_audience(&claims)?;
        if claims.exp <= now.timestamp() {
            return Err(Fault::Expired);
        }
        let soon = (now + LEEWAY).timestamp();
        let oldest = self.max_age.map_or(i64::MIN, |age| (now - age - LEEWAY).timestamp());
        if claims.iat > soon || claims.iat < oldest || claims.nbf.is_some_and(|nbf| nbf > soon) {
            return Err(Fault::IssuedAt);
        }
        self.check_nonce(claims.nonce.as_deref())?;
        if let (Some(token), Some(hash)) = (self.access_token, &claims.at_hash) {
            check_hash(token, hash)?;
        }
        if !is_subject(&claims.sub) {
            return Err(Fault::Subject);
        }
        Ok(claims)
    }

    fn check_audience(&self, claims: &Claims) -> Result<(), Fault> {
        let (ours, alone) = match &claims.aud {
            Audience::One(one) => (one == self.client_id, true),
            Audience::Many(many) => (many.iter().any(|one| one == self.client_id), many.len() == 1),
        };
        let party = match &claims.azp {
            Some(azp) => azp == self.client_id,
            None => alone,
        };
        if ours && party { Ok(()) } else { Err(Fault::Audience) }
    }

    fn check_nonce(&self, nonce: Option<&str>) -> Result<(), Fault> {
        let given = nonce.unwrap_or_default();
        if given.is_empty() && !self.nonce.is_empty() {
            return Err(Fault::NonceMissing);
        }
        let same = constant_time::verify_slices_are_equal(given.as_bytes(), self.nonce.as_bytes());
        same.map_err(|_| Fault::Nonce)
    }
}

/// The left half of the SHA-256 of the access token; all accepted algorithms use that hash.
fn check_hash(access_token: &str, at_hash: &str) -> Result<(), Fault> {
    let digest = Sha256::digest(access_token.as_bytes());
    let expected = URL_SAFE_NO_PAD.encode(&digest[..16]);
    if expected == at_hash.trim_end_matches('=') { Ok(()) } else { Err(Fault::AccessToken) }
}

/// Core 1.0, section 2: at most 255 ASCII characters.
pub(super) fn is_subject(subject: &str) -> bool {
    (1..=MAX_SUBJECT_BYTES).contains(&subject.len())
        && subject.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) if !text.is_empty() => Some(text),
        _ => None,
    })
}

/// Some providers write it as text.
fn truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Bool(truth) => truth,
        Value::String(text) => text == "true",
        _ => false,
    })
}
