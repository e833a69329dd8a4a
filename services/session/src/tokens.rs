//! Session tokens and access tokens.

use api::identity::User;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sha2::{Digest, Sha256};
use url::Url;

use crate::domain::session::Session;
use crate::error;
use crate::keys::{JWT, Key, KeyError};

/// Characters of a session token: 190 bits.
pub(crate) const SESSION_TOKEN_LENGTH: usize = 32;

/// What is stored of a session token.
pub(crate) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Who issues access tokens, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issuer {
    /// `<PUBLIC_URL>/api/auth`.
    issuer: String,
    /// Origin of PUBLIC_URL.
    audience: String,
}

impl Issuer {
    pub(crate) fn new(public_url: &Url) -> Result<Self, kernel::Error> {
        let base = public_url.as_str().trim_end_matches('/');
        if !matches!(public_url.scheme(), "http" | "https") {
            return Err(error::invalid_options(format!("PUBLIC_URL {base:?} is no http or https URL")));
        }
        Ok(Self { issuer: format!("{base}/api/auth"), audience: public_url.origin().ascii_serialization() })
    }

    /// The signed token (RFC 7519).
    pub(crate) fn mint(&self, key: &Key, grant: &Grant<'_>) -> Result<String, KeyError> {
        let Grant { session, user, .. } = grant;
        let created_at = api::millis(user.created_at.as_ref());
        let updated_at = api::millis(user.updated_at.as_ref());
        let claims = Claims {
            iss: &self.issuer,
            aud: &self.audience,
            sub: &user.id,
            sid: session.id.as_str(),
            sep: session.epoch,
            act: session.impersonation.as_ref().map(|by| Act { sub: by.admin_id.as_str() }),
            jti: grant.token_id,
            iat: grant.issued_at.timestamp(),
            exp: grant.expires_at.timestamp(),
            role: user.role().to_kernel().as_str(),
            email: &user.email,
            email_verified: user.email_verified,
            name: &user.name,
            id: &user.id,
            email_verified_camel: user.email_verified,
            image: user.image.as_deref(),
            created_at: &created_at,
            updated_at: &updated_at,
        };
        key.sign_token(JWT, &claims)
    }

    /// `<PUBLIC_URL>/api/auth`.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The resource server that the gateway is.
    pub(crate) fn api(&self) -> &str {
        &self.audience
    }

    /// An endpoint of the provider.
    pub(crate) fn endpoint(&self, name: &str) -> String {
        format!("{}/oauth2/{name}", self.issuer)
    }
}

/// What a token is made for.
pub(crate) struct Grant<'a> {
    pub(crate) token_id: &'a str,
    pub(crate) session: &'a Session,
    pub(crate) user: &'a User,
    pub(crate) issued_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
}

/// Who acts as the subject (RFC 8693, section 4.1).
#[derive(Serialize)]
struct Act<'a> {
    sub: &'a str,
}

/// Registered and OpenID Connect names for resource servers, and the fields of the Better-Auth
/// user for clients that read those.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    sid: &'a str,
    /// The epoch that the session started in.
    sep: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<Act<'a>>,
    jti: &'a str,
    iat: i64,
    exp: i64,
    role: &'a str,
    email: &'a str,
    email_verified: bool,
    name: &'a str,
    id: &'a str,
    #[serde(rename = "emailVerified")]
    email_verified_camel: bool,
    image: Option<&'a str>,
    #[serde(rename = "createdAt")]
    created_at: &'a str,
    #[serde(rename = "updatedAt")]
    updated_at: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuer_and_audience_come_from_the_public_address() {
        for (url, issuer, audience) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/api/auth", "http://127.0.0.1:8080"),
            ("https://learn.example.com/", "https://learn.example.com/api/auth", "https://learn.example.com"),
        ] {
            let expected = Issuer { issuer: issuer.to_owned(), audience: audience.to_owned() };
            assert_eq!(Issuer::new(&url.parse().unwrap()), Ok(expected));
        }
        assert!(Issuer::new(&"ftp://example.com".parse().unwrap()).is_err());
    }
}
