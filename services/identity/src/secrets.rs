//! What is derived from AUTH_SECRET: keyed hashes of addresses and the mailed tokens.

use std::fmt;

use aws_lc_rs::hmac;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use kernel::{Error, UserId};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::domain::email::EmailAddress;
use crate::error;

/// How long a mailed link works.
pub(crate) const LINK_LIFETIME: TimeDelta = TimeDelta::hours(1);
const MIN_SECRET_BYTES: usize = 32;
/// A longer token is refused before it is parsed.
const MAX_TOKEN_BYTES: usize = 4096;
const PURPOSE: &str = "verify-email";

/// Keys made of AUTH_SECRET.
#[derive(Clone)]
pub(crate) struct Secrets {
    addresses: hmac::Key,
    sign: EncodingKey,
    check: DecodingKey,
    validation: Validation,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

/// The claims of a mailed link. Stateless as the Better-Auth contract has it: bound to purpose,
/// user and address, good until it expires, and opening it twice changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    email: String,
    #[serde(rename = "userId")]
    user_id: String,
    purpose: String,
    iat: i64,
    exp: i64,
}

/// Whose address a valid link proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proof {
    pub(crate) user_id: UserId,
    pub(crate) email: String,
}

impl Secrets {
    pub(crate) fn new(auth_secret: &SecretString) -> Result<Self, Error> {
        let secret = auth_secret.expose_secret().as_bytes();
        if secret.len() < MIN_SECRET_BYTES {
            return Err(error::invalid_options(format!(
                "AUTH_SECRET needs at least {MIN_SECRET_BYTES} bytes"
            )));
        }
        let addresses =
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), b"intellistack identity: addresses");
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp"]);
        // Checked against the injected clock, without leeway.
        validation.validate_exp = false;
        validation.validate_aud = false;
        Ok(Self {
            addresses: hmac::Key::new(hmac::HMAC_SHA256, addresses.as_ref()),
            sign: EncodingKey::from_secret(secret),
            check: DecodingKey::from_secret(secret),
            validation,
        })
    }

    /// Stands for an address where the address itself must not: 128 bits in hexadecimal.
    pub(crate) fn address_key(&self, email: &EmailAddress) -> String {
        let tag = hmac::sign(&self.addresses, email.as_str().as_bytes());
        hex::encode(&tag.as_ref()[..16])
    }

    /// The token of a verification link.
    pub(crate) fn mint_link_token(
        &self,
        user_id: &str,
        email: &str,
        now: DateTime<Utc>,
    ) -> Result<String, Error> {
        let claims = Claims {
            email: email.to_owned(),
            user_id: user_id.to_owned(),
            purpose: PURPOSE.to_owned(),
            iat: now.timestamp(),
            exp: (now + LINK_LIFETIME).timestamp(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.sign).map_err(|error| {
            tracing::error!(%error, "a verification token could not be signed");
            Error::internal()
        })
    }

    /// # Errors
    /// `INVALID_TOKEN` or `TOKEN_EXPIRED`, both unauthenticated.
    pub(crate) fn check_link_token(&self, token: &str, now: DateTime<Utc>) -> Result<Proof, Error> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(error::invalid_token());
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.check, &self.validation)
            .map_err(|_| error::invalid_token())?
            .claims;
        if claims.purpose != PURPOSE {
            return Err(error::invalid_token());
        }
        if claims.exp <= now.timestamp() {
            return Err(error::token_expired());
        }
        Ok(Proof { user_id: UserId::from(claims.user_id), email: claims.email })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn secrets(text: &str) -> Secrets {
        Secrets::new(&SecretString::from(text.repeat(4))).unwrap()
    }

    fn refused(token: &str, at: DateTime<Utc>) -> String {
        secrets("a secret").check_link_token(token, at).unwrap_err().reason.into_owned()
    }

    #[test]
    fn a_link_proves_its_user_and_address_for_an_hour() {
        let secrets = secrets("a secret");
        let token = secrets.mint_link_token("u1", "ada@example.com", NOW).unwrap();
        let proof = Proof { user_id: UserId::from("u1"), email: "ada@example.com".to_owned() };
        assert_eq!(secrets.check_link_token(&token, NOW), Ok(proof.clone()));
        assert_eq!(secrets.check_link_token(&token, NOW + TimeDelta::seconds(3599)), Ok(proof));
        assert_eq!(refused(&token, NOW + TimeDelta::seconds(3600)), "TOKEN_EXPIRED");
    }

    #[test]
    fn a_link_signed_otherwise_is_no_proof() {
        let ours = secrets("a secret");
        let token = ours.mint_link_token("u1", "ada@example.com", NOW).unwrap();
        let foreign = secrets("b secret").mint_link_token("u1", "ada@example.com", NOW).unwrap();
        let (head, rest) = token.split_once('.').unwrap();
        let (payload, signature) = rest.split_once('.').unwrap();
        let (_, other) = ours
            .mint_link_token("u2", "eve@example.com", NOW)
            .unwrap()
            .split_once('.')
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .unwrap();
        let (other_payload, _) = other.split_once('.').unwrap();
        // {"alg":"none"}
        let none = format!("eyJhbGciOiJub25lIn0.{payload}.");
        let tampered = format!("{head}.{other_payload}.{signature}");
        let long = "x".repeat(5000);
        for bad in ["", "a", "a.b.c", &foreign, &none, &tampered, &long] {
            assert_eq!(refused(bad, NOW), "INVALID_TOKEN", "{bad}");
        }
    }

    #[test]
    fn a_token_for_another_purpose_is_no_proof() {
        let ours = secrets("a secret");
        for claims in [
            serde_json::json!({ "email": "a@b.co", "userId": "u1", "purpose": "reset", "iat": 0, "exp": 10 }),
            serde_json::json!({ "email": "a@b.co", "userId": "u1", "iat": 0, "exp": 10 }),
            serde_json::json!({ "email": "a@b.co", "userId": "u1", "purpose": "verify-email", "iat": 0 }),
        ] {
            let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &ours.sign).unwrap();
            assert_eq!(refused(&token, NOW), "INVALID_TOKEN", "{claims}");
        }
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert!(Secrets::new(&SecretString::from("x".repeat(31))).is_err());
    }

    #[test]
    fn an_address_key_depends_on_the_secret() {
        let email = EmailAddress::parse("ada@example.com").unwrap();
        let key = secrets("a secret").address_key(&email);
        assert_eq!(key.len(), 32);
        assert_eq!(key, secrets("a secret").address_key(&email));
        assert_ne!(key, secrets("b secret").address_key(&email));
    }
}
