//! Proof of possession (DPoP, RFC 9449): with each request its sender signs what they ask for, with
//! the key that their token is bound to.

mod address;
mod key;
mod replay;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::compact::{Compact, Present};

pub use replay::ReplayCache;

/// What proofs may be signed with, in the words of `WWW-Authenticate` (RFC 9449, section 7.1).
pub const ALGORITHMS: &str = "ES256 PS256 RS256 EdDSA";

/// A longer proof is refused before it is parsed.
const MAX_BYTES: usize = 4 * 1024;
const MAX_ID_BYTES: usize = 128;
/// A proof is good for this long.
const MAX_AGE: TimeDelta = TimeDelta::seconds(60);
/// The sender's clock may be ahead by this much.
const MAX_AHEAD: TimeDelta = TimeDelta::seconds(30);

/// The request that a proof must be about.
#[derive(Debug, Clone, Copy)]
pub struct ProofContext<'a> {
    pub method: &'a str,
    /// As the client sees it; query and fragment do not matter.
    pub url: &'a str,
    /// The token that is shown with it; none at the token endpoint.
    pub access_token: Option<&'a str>,
    pub now: DateTime<Utc>,
}

/// What a good proof says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Thumbprint of the key that signed it (RFC 7638, with SHA-256).
    pub jkt: String,
    pub jti: String,
    /// Seconds since 1970.
    pub iat: i64,
}

/// Why a proof was refused (RFC 9449, section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    #[error("the DPoP proof is longer than 4 KiB")]
    TooLong,
    #[error("the DPoP proof is missing, or there are several")]
    NotOne,
    #[error("the DPoP proof is no JWT with the members that it must have")]
    Malformed,
    #[error("the type of the DPoP proof is not dpop+jwt")]
    Type,
    #[error("the algorithm of the DPoP proof is not one of ES256, PS256, RS256, EdDSA")]
    Algorithm,
    #[error("the DPoP proof holds no public key that fits its algorithm")]
    Key,
    #[error("the signature of the DPoP proof is wrong")]
    Signature,
    #[error("the DPoP proof is for another method")]
    Method,
    #[error("the DPoP proof is for another address")]
    Address,
    #[error("the DPoP proof is too old, or of the future")]
    Time,
    #[error("the DPoP proof has no id, or one longer than 128 bytes")]
    Id,
    #[error("the DPoP proof is for another access token")]
    AccessToken,
    #[error("the access token is bound to another key than that of the DPoP proof")]
    OtherKey,
    #[error("the DPoP proof was used before")]
    Replayed,
    /// One key, or all of them, sent more proofs than are remembered.
    #[error("there are too many DPoP proofs at once")]
    TooMany,
}

#[derive(Deserialize)]
struct Header {
    typ: String,
    alg: String,
    jwk: Map<String, Value>,
    #[serde(default)]
    crit: Present,
}

#[derive(Deserialize)]
struct Payload {
    jti: String,
    htm: String,
    htu: String,
    iat: i64,
    ath: Option<String>,
}

/// Checks one proof by itself. Whose key it must be and whether it was seen before is the caller's
/// to know ([`ReplayCache`]).
///
/// # Errors
/// [`ProofError`].
pub fn verify_proof(proof: &str, context: ProofContext<'_>) -> Result<Proof, ProofError> {
    if proof.len() > MAX_BYTES {
        return Err(ProofError::TooLong);
    }
    let proof = Compact::parse(proof).ok_or(ProofError::Malformed)?;
    let header: Header = proof.header().ok_or(ProofError::Malformed)?;
    if !header.typ.eq_ignore_ascii_case("dpop+jwt") {
        return Err(ProofError::Type);
    }
    // No extension is understood here, so none may be demanded (RFC 7515, section 4.1.11).
    if header.crit.0 {
        return Err(ProofError::Malformed);
    }
    let key = key::read(&header.jwk, &header.alg)?;
    if !proof.is_signed_by(&key.key, key.algorithm) {
        return Err(ProofError::Signature);
    }
    let payload: Payload = proof.payload().ok_or(ProofError::Malformed)?;
    payload.check(context)?;
    Ok(Proof { jkt: key.thumbprint, jti: payload.jti, iat: payload.iat })
}

impl Payload {
    fn check(&self, context: ProofContext<'_>) -> Result<(), ProofError> {
        if self.htm != context.method {
            return Err(ProofError::Method);
        }
        if !address::same(&self.htu, context.url) {
            return Err(ProofError::Address);
        }
        let (oldest, newest) = (context.now - MAX_AGE, context.now + MAX_AHEAD);
        if !(oldest.timestamp()..=newest.timestamp()).contains(&self.iat) {
            return Err(ProofError::Time);
        }
        if self.jti.is_empty() || self.jti.len() > MAX_ID_BYTES {
            return Err(ProofError::Id);
        }
        match context.access_token {
            Some(token) if self.ath != Some(key::digest(token)) => Err(ProofError::AccessToken),
            _ => Ok(()),
        }
    }
}
