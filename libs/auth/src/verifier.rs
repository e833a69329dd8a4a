use std::sync::Arc;

use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, Validation};
use kernel::Clock;

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

    /// # Errors
    /// [`TokenError`]; only `Unavailable` may succeed when tried again.
    pub async fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > MAX_BYTES {
            return Err(TokenError::Invalid);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
        // An ID or logout token is signed by the same key and is no access token (RFC 8725, 3.11).
        let access = header
            .typ
            .as_deref()
            .is_none_or(|typ| typ.eq_ignore_ascii_case("JWT") || typ.eq_ignore_ascii_case("at+jwt"));
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
