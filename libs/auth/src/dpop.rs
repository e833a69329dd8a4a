//! Proof of possession (RFC 9449): a token that is bound to a key is worth nothing without it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use url::Url;

/// A proof older than this is refused: it was made for another request.
pub const OLDEST: TimeDelta = TimeDelta::seconds(60);
/// Clocks of two machines may differ by this much.
const AHEAD: TimeDelta = TimeDelta::seconds(30);
const MAX_BYTES: usize = 4 * 1024;
const MAX_JTI: usize = 128;
/// Asymmetric ones alone (section 4.3, number 5).
const ALGORITHMS: [Algorithm; 4] = [Algorithm::ES256, Algorithm::PS256, Algorithm::RS256, Algorithm::EdDSA];

/// Why a proof does not hold. All of them are `invalid_dpop_proof` to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    #[error("the proof is no JWT of type dpop+jwt under an asymmetric algorithm")]
    Malformed,
    #[error("the key in the proof is no public key")]
    Key,
    #[error("the signature is not of the key in the proof")]
    Signature,
    #[error("the proof is for another request")]
    Target,
    #[error("the proof is of another time")]
    Time,
    #[error("the proof is for another access token")]
    Token,
}

/// The request that a proof came with.
#[derive(Debug, Clone, Copy)]
pub struct ProofContext<'a> {
    pub method: &'a str,
    /// As the client has called it; query and fragment do not count.
    pub url: &'a str,
    /// The access token beside it, at a resource server.
    pub access_token: Option<&'a str>,
    pub now: DateTime<Utc>,
}

/// What a proof has proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// RFC 7638 thumbprint of the key, SHA-256 in base64url.
    pub jkt: String,
    /// Good once, for this key.
    pub jti: String,
    pub issued_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: i64,
    #[serde(default)]
    ath: Option<String>,
}

/// Checks everything of section 4.3 but number 11: that a `jti` is used once is for the caller to
/// see to, who knows with whom the memory of that is shared.
///
/// # Errors
/// [`ProofError`].
pub fn verify_proof(proof: &str, context: &ProofContext<'_>) -> Result<Proof, ProofError> {
    if proof.len() > MAX_BYTES {
        return Err(ProofError::Malformed);
    }
    let header = jsonwebtoken::decode_header(proof).map_err(|_| ProofError::Malformed)?;
    let typed = header.typ.as_deref().is_some_and(|typ| typ.eq_ignore_ascii_case("dpop+jwt"));
    if !typed || !ALGORITHMS.contains(&header.alg) || header.crit.is_some() {
        return Err(ProofError::Malformed);
    }
    let jwk = public_key(proof)?;
    let key = DecodingKey::from_jwk(&jwk).map_err(|_| ProofError::Key)?;
    let mut validation = Validation::new(header.alg);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims =
        jsonwebtoken::decode::<Claims>(proof, &key, &validation).map_err(|_| ProofError::Signature)?.claims;
    if claims.jti.is_empty() || claims.jti.len() > MAX_JTI {
        return Err(ProofError::Malformed);
    }
    if claims.htm != context.method
        || target(&claims.htu).is_none()
        || target(&claims.htu) != target(context.url)
    {
        return Err(ProofError::Target);
    }
    let issued_at = DateTime::from_timestamp(claims.iat, 0).ok_or(ProofError::Time)?;
    if issued_at < context.now - OLDEST || issued_at > context.now + AHEAD {
        return Err(ProofError::Time);
    }
    if let Some(token) = context.access_token {
        let ath = URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()));
        if claims.ath.as_deref() != Some(ath.as_str()) {
            return Err(ProofError::Token);
        }
    }
    let jkt = jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| ProofError::Key)?;
    Ok(Proof { jkt, jti: claims.jti, issued_at })
}

/// The key in the header, of which nothing private may be there.
fn public_key(proof: &str) -> Result<Jwk, ProofError> {
    let header = proof.split('.').next().ok_or(ProofError::Malformed)?;
    let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| ProofError::Malformed)?;
    let header: serde_json::Value = serde_json::from_slice(&header).map_err(|_| ProofError::Malformed)?;
    let jwk = header.get("jwk").ok_or(ProofError::Key)?;
    if ["d", "k", "p", "q", "dp", "dq", "qi", "oth"].iter().any(|private| jwk.get(private).is_some()) {
        return Err(ProofError::Key);
    }
    serde_json::from_value(jwk.clone()).map_err(|_| ProofError::Key)
}

/// Section 4.3, number 9: without query and fragment, and normalised (RFC 3986, section 6.2.2).
fn target(url: &str) -> Option<Url> {
    let mut url = Url::parse(url).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    matches!(url.scheme(), "https" | "http").then_some(url)
}

/// Proofs that were used, as far as this process knows: each is good once while it could be good at
/// all.
#[derive(Debug, Default)]
pub struct ReplayCache(Mutex<Used>);

#[derive(Debug, Default)]
struct Used {
    until: HashMap<[u8; 32], DateTime<Utc>>,
    swept_at: Option<DateTime<Utc>>,
}

impl ReplayCache {
    /// Whether this is the first use.
    pub fn claim(&self, proof: &Proof, now: DateTime<Utc>) -> bool {
        let text = format!("{}:{}", proof.jkt, proof.jti);
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if used.swept_at.is_none_or(|at| now - at > OLDEST) {
            used.swept_at = Some(now);
            used.until.retain(|_, until| *until > now);
        }
        used.until.insert(key, proof.issued_at + OLDEST + AHEAD).is_none()
    }
}
