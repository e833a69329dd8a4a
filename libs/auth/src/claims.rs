use kernel::Role;
use serde::Deserialize;

use crate::compact::Present;

/// What an access token says of its bearer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// User id; of a token that an application got for itself, the application's `client_id`.
    pub sub: String,
    /// Session the token was minted for; empty when there is none.
    pub sid: String,
    /// The user's session epoch in which it started; see [`crate::Revocations`].
    pub sep: u64,
    /// Who acts as the subject (RFC 8693, section 4.1).
    pub act: Option<Actor>,
    pub iss: String,
    pub aud: Vec<String>,
    pub role: Role,
    /// Only told to first parties and applications with the scope `email`.
    pub email: Option<String>,
    /// False also when the application was not told.
    pub email_verified: bool,
    pub name: String,
    /// Seconds since 1970.
    pub exp: i64,
    pub nbf: Option<i64>,
    pub iat: Option<i64>,
    pub jti: Option<String>,
    /// The application that the token was given to; none for our own pages.
    pub client_id: Option<String>,
    /// What the application may do, separated by spaces; see [`Claims::has_scope`].
    pub scope: Option<String>,
    /// The grant of the user to the application: when it ends, so does every token of it.
    pub gid: Option<String>,
    /// The key that its bearer must prove to hold (RFC 7800).
    pub cnf: Option<Confirmation>,
}

impl Claims {
    /// Minted for our own pages and good for everything that its user may do.
    pub fn is_first_party(&self) -> bool {
        self.client_id.is_none()
    }

    /// May the bearer use what this scope stands for? First parties may use everything.
    pub fn has_scope(&self, scope: &str) -> bool {
        let granted = self.scope.as_deref().unwrap_or_default();
        self.is_first_party() || granted.split(' ').any(|granted| !granted.is_empty() && granted == scope)
    }

    /// A person is behind it. Of an application that acts for itself (client_credentials) the role
    /// says nothing.
    pub fn is_user(&self) -> bool {
        self.client_id.as_deref() != Some(self.sub.as_str())
    }
}

/// The acting party of a token.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Actor {
    pub sub: String,
}

/// How the bearer proves that the token is theirs. A way that is not known here is refused.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// Thumbprint (RFC 7638) of the key that signs their DPoP proofs (RFC 9449, section 6.1).
    pub jkt: String,
}

/// What the header says that a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `JWT`, which ID tokens say, too.
    FirstParty,
    /// `at+jwt` (RFC 9068, section 2.1).
    OAuth,
}

impl Kind {
    pub(crate) fn of(typ: &str) -> Option<Self> {
        let is = |name: &str| typ.eq_ignore_ascii_case(name);
        if is("JWT") {
            Some(Self::FirstParty)
        } else if is("at+jwt") || is("application/at+jwt") {
            Some(Self::OAuth)
        } else {
            None
        }
    }
}

/// Claims as they were signed.
#[derive(Debug, Deserialize)]
pub(crate) struct Payload {
    sub: String,
    iss: String,
    aud: Audience,
    exp: i64,
    nbf: Option<i64>,
    iat: Option<i64>,
    jti: Option<String>,
    sid: Option<String>,
    #[serde(default)]
    sep: u64,
    act: Option<Actor>,
    role: Option<Role>,
    email: Option<String>,
    email_verified: Option<bool>,
    name: Option<String>,
    client_id: Option<String>,
    scope: Option<String>,
    gid: Option<String>,
    cnf: Option<Confirmation>,
    #[serde(default)]
    azp: Present,
    #[serde(default)]
    nonce: Present,
    #[serde(default)]
    at_hash: Present,
    #[serde(default)]
    c_hash: Present,
    #[serde(default)]
    events: Present,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Payload {
    /// The claims, if a token of this kind has such; whose and until when is not looked at.
    pub(crate) fn of_kind(self, kind: Kind) -> Option<Claims> {
        let belongs = match kind {
            Kind::FirstParty => self.is_first_party(),
            Kind::OAuth => self.is_oauth(),
        };
        (belongs && !self.sub.is_empty()).then(|| self.into())
    }

    /// ID and logout tokens are signed by the same key (RFC 8725, section 2.8): they have no `role`,
    /// and what only they have is refused.
    fn is_first_party(&self) -> bool {
        let ours = is_named(self.sid.as_deref())
            && is_named(self.jti.as_deref())
            && self.role.is_some()
            && self.email_verified.is_some();
        let an_application_s = self.client_id.is_some() || self.scope.is_some() || self.azp.0;
        let another_token_s = [self.nonce, self.at_hash, self.c_hash, self.events].contains(&Present(true));
        ours && !an_application_s && !another_token_s
    }

    /// RFC 9068, section 2.2.
    fn is_oauth(&self) -> bool {
        is_named(self.client_id.as_deref()) && is_named(self.jti.as_deref()) && self.iat.is_some()
    }
}

fn is_named(value: Option<&str>) -> bool {
    value.is_some_and(|value| !value.is_empty())
}

impl From<Payload> for Claims {
    fn from(payload: Payload) -> Self {
        let aud = match payload.aud {
            Audience::One(one) => vec![one],
            Audience::Many(many) => many,
        };
        Self {
            sub: payload.sub,
            sid: payload.sid.unwrap_or_default(),
            sep: payload.sep,
            act: payload.act,
            iss: payload.iss,
            aud,
            role: payload.role.unwrap_or_default(),
            email: payload.email,
            email_verified: payload.email_verified.unwrap_or_default(),
            name: payload.name.unwrap_or_default(),
            exp: payload.exp,
            nbf: payload.nbf,
            iat: payload.iat,
            jti: payload.jti,
            client_id: payload.client_id,
            scope: payload.scope,
            gid: payload.gid,
            cnf: payload.cnf,
        }
    }
}
