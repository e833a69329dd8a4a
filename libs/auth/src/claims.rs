use kernel::Role;
use serde::Deserialize;

/// What an access token says of its bearer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Claims {
    /// User id.
    pub sub: String,
    /// Session the token was minted for; empty where a client acts for itself.
    #[serde(default)]
    pub sid: String,
    /// The user's session epoch in which it started; see [`crate::Revocations`].
    #[serde(default)]
    pub sep: u64,
    /// Who acts as the subject (RFC 8693, section 4.1).
    #[serde(default)]
    pub act: Option<Actor>,
    pub iss: String,
    #[serde(default)]
    pub role: Option<Role>,
    /// Empty where the client was not given it.
    #[serde(default)]
    pub email: String,
    #[serde(default)]
    pub email_verified: bool,
    /// The application that the token was made for (RFC 9068); none: our own web app.
    #[serde(default)]
    pub client_id: Option<String>,
    /// What the application may do, divided by spaces.
    #[serde(default)]
    pub scope: String,
    /// The grant that the token hangs on, and ends with.
    #[serde(default)]
    pub gid: Option<String>,
    /// The key that the token is bound to (RFC 9449, section 6).
    #[serde(default)]
    pub cnf: Option<Confirmation>,
    #[serde(default)]
    pub name: String,
    /// Seconds since 1970.
    pub exp: i64,
    #[serde(default)]
    pub nbf: Option<i64>,
}

/// RFC 7800, section 3.1.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Confirmation {
    /// RFC 7638 thumbprint.
    #[serde(default)]
    pub jkt: Option<String>,
}

impl Claims {
    /// May the bearer do this? Our own web app may do everything.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.client_id.is_none() || self.scope.split(' ').any(|word| word == scope)
    }
}

/// The acting party of a token.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Actor {
    pub sub: String,
}
