use kernel::Role;
use serde::Deserialize;

/// What an access token says of its bearer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Claims {
    /// User id.
    pub sub: String,
    /// Session the token was minted for.
    pub sid: String,
    /// The user's session epoch in which it started; see [`crate::Revocations`].
    #[serde(default)]
    pub sep: u64,
    /// Who acts as the subject (RFC 8693, section 4.1).
    #[serde(default)]
    pub act: Option<Actor>,
    pub iss: String,
    pub role: Role,
    pub email: String,
    pub email_verified: bool,
    #[serde(default)]
    pub name: String,
    /// Seconds since 1970.
    pub exp: i64,
    #[serde(default)]
    pub nbf: Option<i64>,
}

/// The acting party of a token.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Actor {
    pub sub: String,
}
