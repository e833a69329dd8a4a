use std::sync::Arc;

use chrono::TimeDelta;
use jsonwebtoken::Algorithm;
use kernel::Clock;
use serde::Deserialize;

use crate::claims::{Kind, Payload};
use crate::compact::{Compact, Present};
use crate::dpop::{ProofContext, ProofError, ReplayCache, verify_proof};
use crate::{Claims, JwksCache, JwksError};

/// Clocks of two machines may differ by this much.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);
/// A longer token is refused before it is parsed.
const MAX_BYTES: usize = 8 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token of ours, or not to be shown in this way: malformed, wrong algorithm, type,
    /// signature, issuer or audience, or bound to a key and shown without a proof.
    #[error("the access token is not valid")]
    Invalid,
    #[error("the access token has expired")]
    Expired,
    /// Nothing can be said: answer 503, not 401.
    #[error("the signing keys cannot be fetched")]
    Unavailable,
}

/// Why a token with a proof was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BoundError {
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Proof(#[from] ProofError),
}

/// Checks access tokens of one issuer for one audience.
#[derive(Debug)]
pub struct Verifier {
    keys: JwksCache,
    issuer: String,
    audience: String,
    clock: Arc<dyn Clock>,
    proofs: ReplayCache,
}

/// Where to find a key is our business alone: `jku`, `jwk` and `x5u` are not even read.
#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
    #[serde(default)]
    crit: Present,
}

impl Verifier {
    pub fn new(keys: JwksCache, issuer: &str, audience: &str, clock: Arc<dyn Clock>) -> Self {
        let (issuer, audience) = (issuer.to_owned(), audience.to_owned());
        Self { keys, issuer, audience, clock, proofs: ReplayCache::default() }
    }

    /// With room for more or fewer proofs than [`ReplayCache::default`] has.
    #[must_use]
    pub fn remembering(mut self, proofs: ReplayCache) -> Self {
        self.proofs = proofs;
        self
    }

    /// The issuer's keys, to be told when they changed ([`JwksCache::expire`]).
    pub fn keys(&self) -> &JwksCache {
        &self.keys
    }

    pub fn audience(&self) -> &str {
        &self.audience
    }

    /// A token shown by itself (`Authorization: Bearer`).
    ///
    /// # Errors
    /// [`TokenError`]; only `Unavailable` may succeed when tried again. A token that is bound to a
    /// key is `Invalid` here (RFC 9449, section 7.2): see [`Verifier::verify_bound`].
    pub async fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        let claims = self.believe(token).await?;
        if claims.cnf.is_some() { Err(TokenError::Invalid) } else { Ok(claims) }
    }

    /// A token shown with a proof of its key (`Authorization: DPoP`, RFC 9449, section 7.1). Each
    /// proof is good once, as far as this verifier saw it.
    ///
    /// # Errors
    /// [`BoundError`]; a token that is bound to no key is `Invalid`.
    pub async fn verify_bound(
        &self,
        token: &str,
        proof: &str,
        method: &str,
        url: &str,
    ) -> Result<Claims, BoundError> {
        let claims = self.believe(token).await?;
        let Some(bound) = &claims.cnf else { return Err(TokenError::Invalid.into()) };
        let now = self.clock.now();
        let proof = verify_proof(proof, ProofContext { method, url, access_token: Some(token), now })?;
        if proof.jkt != bound.jkt {
            return Err(ProofError::OtherKey.into());
        }
        self.proofs.admit(&proof, now)?;
        Ok(claims)
    }

    /// What the issuer says, whoever shows it: for those who are asked about tokens, not for those who
    /// let somebody in by them.
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn believe(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > MAX_BYTES {
            return Err(TokenError::Invalid);
        }
        let token = Compact::parse(token).ok_or(TokenError::Invalid)?;
        let header: Header = token.header().ok_or(TokenError::Invalid)?;
        let kind = Kind::of(&header.typ).ok_or(TokenError::Invalid)?;
        // One algorithm (RFC 8725, section 3.1), and no extension, for none is understood here
        // (RFC 7515, section 4.1.11).
        if header.alg != "RS256" || header.crit.0 {
            return Err(TokenError::Invalid);
        }
        let key = self.keys.key(&header.kid).await.map_err(|error| match error {
            JwksError::Unavailable => TokenError::Unavailable,
            JwksError::UnknownKey => TokenError::Invalid,
        })?;
        if !token.is_signed_by(&key, Algorithm::RS256) {
            return Err(TokenError::Invalid);
        }
        let payload: Payload = token.payload().ok_or(TokenError::Invalid)?;
        self.judge(payload.of_kind(kind).ok_or(TokenError::Invalid)?)
    }

    fn judge(&self, claims: Claims) -> Result<Claims, TokenError> {
        let now = self.clock.now();
        let for_us = claims.iss == self.issuer && claims.aud.contains(&self.audience);
        if !for_us || claims.nbf.is_some_and(|nbf| nbf > (now + LEEWAY).timestamp()) {
            return Err(TokenError::Invalid);
        }
        if claims.exp <= (now - LEEWAY).timestamp() {
            return Err(TokenError::Expired);
        }
        Ok(claims)
    }
}
