use std::sync::Arc;

use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, Validation};
use kernel::Clock;

use crate::dpop::{Proof, ProofContext, verify_proof};
use crate::{Claims, JwksCache, JwksError};

/// Clocks of two machines may differ by this much.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);
/// A longer token is refused before it is parsed.
const MAX_BYTES: usize = 8 * 1024;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token of ours: malformed, wrong algorithm, type, signature, issuer or audience.
    #[error("the access token is not valid")]
    Invalid,
    #[error("the access token has expired")]
    Expired,
    /// Nothing can be said: answer 503, not 401.
    #[error("the signing keys cannot be fetched")]
    Unavailable,
}

/// Checks access tokens of one issuer for one audience.
#[derive(Debug)]
pub struct Verifier {
    keys: JwksCache,
    validation: Validation,
    clock: Arc<dyn Clock>,
}

impl Verifier {
    pub fn new(keys: JwksCache, issuer: &str, audience: &str, clock: Arc<dyn Clock>) -> Self {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Times are checked against the injected clock below.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self { keys, validation, clock }
    }

    /// A bearer token. One that is bound to a key is none (RFC 9449, section 7.1).
    ///
    /// # Errors
    /// [`TokenError`]; only `Unavailable` may succeed when tried again.
    pub async fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        let claims = self.verify_possession_aside(token).await?;
        if claims.cnf.is_some() { Err(TokenError::Invalid) } else { Ok(claims) }
    }

    /// A token together with the proof that its bearer holds the key that it is bound to. Whether the
    /// proof was used before is for the caller to see to.
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn verify_bound(
        &self,
        token: &str,
        proof: &str,
        (method, url): (&str, &str),
    ) -> Result<(Claims, Proof), TokenError> {
        let claims = self.verify_possession_aside(token).await?;
        let context = ProofContext { method, url, access_token: Some(token), now: self.clock.now() };
        let proven = verify_proof(proof, &context).map_err(|_| TokenError::Invalid)?;
        let bound_to = claims.cnf.as_ref().and_then(|cnf| cnf.jkt.as_deref());
        if bound_to == Some(proven.jkt.as_str()) { Ok((claims, proven)) } else { Err(TokenError::Invalid) }
    }

    /// What the token says, whoever holds it: for those who are asked about tokens, not for those who
    /// let somebody in by them.
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn verify_possession_aside(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > MAX_BYTES {
            return Err(TokenError::Invalid);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
        // An ID or logout token is signed by the same key and is no access token (RFC 8725, 3.11).
        let typ = header.typ.as_deref().unwrap_or("JWT");
        let of_a_client =
            ["at+jwt", "application/at+jwt"].iter().any(|known| typ.eq_ignore_ascii_case(known));
        let access = of_a_client || typ.eq_ignore_ascii_case("JWT");
        // No extension is understood here, so none may be demanded (RFC 7515, 4.1.11).
        let plain = access && header.crit.is_none();
        let (true, Algorithm::RS256, Some(kid)) = (plain, header.alg, header.kid) else {
            return Err(TokenError::Invalid);
        };
        let key = self.keys.key(&kid).await.map_err(|error| match error {
            JwksError::Unavailable => TokenError::Unavailable,
            JwksError::UnknownKey => TokenError::Invalid,
        })?;
        let claims = jsonwebtoken::decode::<Claims>(token, &key, &self.validation)
            .map_err(|_| TokenError::Invalid)?
            .claims;
        // Ours for a client names it and its grant; ours for our own web app names neither, and a person.
        let whole = if of_a_client {
            claims.client_id.is_some() && claims.gid.is_some()
        } else {
            claims.client_id.is_none() && claims.role.is_some() && !claims.sid.is_empty()
        };
        if !whole {
            return Err(TokenError::Invalid);
        }
        let now = self.clock.now();
        if claims.nbf.is_some_and(|nbf| nbf > (now + LEEWAY).timestamp()) {
            return Err(TokenError::Invalid);
        }
        if claims.exp <= (now - LEEWAY).timestamp() {
            return Err(TokenError::Expired);
        }
        Ok(claims)
    }
}
