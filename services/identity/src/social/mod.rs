//! Other providers that sign people in: OpenID Connect issuers and GitHub. What differs between them
//! is here; what a sign-in means is in `commands`.

mod cached;
mod github;
mod http;
mod id_token;
mod openid;

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use kernel::{Clock, Error};
use oauth2::RequestTokenError;
use oauth2::basic::BasicErrorResponse;
use runtime::{Outbound, OutboundError};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::domain::profile;
use crate::error;
use crate::mail::Site;
use github::GitHub;
use http::Http;
use openid::OpenId;

/// Which providers there are.
#[derive(Debug, Clone, Default)]
pub struct SocialOptions {
    /// In the order in which they are offered; ids are unique.
    pub providers: Vec<ProviderOptions>,
    /// Ask providers at private addresses and over plain http, too: for tests and intranets.
    pub allow_private_networks: bool,
}

/// A client that is registered at a provider.
#[derive(Debug, Clone)]
pub struct ProviderOptions {
    /// Lower-case letters, digits and hyphens; part of the redirect URI `/api/auth/callback/<id>`.
    pub id: String,
    /// For people.
    pub name: String,
    pub client_id: String,
    pub client_secret: SecretString,
    pub kind: ProviderKind,
    /// Empty: what signing in needs.
    pub scopes: Vec<String>,
}

/// What a provider speaks.
#[derive(Debug, Clone)]
pub enum ProviderKind {
    /// OpenID Connect with discovery.
    OpenId { issuer: Url },
    /// Google: the same with one parameter more.
    Google { issuer: Url },
    /// OAuth 2.0 as GitHub has it: `https://github.com`, `https://api.github.com`, or an enterprise
    /// server's.
    GitHub { url: Url, api_url: Url },
}

/// What a sign-in asks of a provider.
#[derive(Debug)]
pub(crate) struct Authorization<'a> {
    pub(crate) state: &'a str,
    pub(crate) secrets: &'a Flow,
    pub(crate) scopes: &'a [String],
    pub(crate) login_hint: &'a str,
    pub(crate) further: &'a [(String, String)],
}

/// What binds the answer to the request; made of the state and AUTH_SECRET, kept nowhere.
pub(crate) struct Flow {
    pub(crate) pkce_verifier: String,
    pub(crate) nonce: String,
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flow")
    }
}

/// What a provider gave for a code or a refresh token.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refresh: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    #[serde(skip)]
    pub(crate) access_expires_at: Option<DateTime<Utc>>,
    /// None: those that were asked for.
    #[serde(skip)]
    pub(crate) scopes: Option<Vec<String>>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("access_expires_at", &self.access_expires_at).finish_non_exhaustive()
    }
}

/// Whom a provider says it is.
#[derive(Clone)]
pub(crate) struct Profile {
    pub(crate) subject: String,
    pub(crate) email: Option<String>,
    pub(crate) email_verified: bool,
    pub(crate) name: String,
    pub(crate) image: Option<String>,
    /// As the provider tells it.
    pub(crate) raw: Value,
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Profile")
    }
}

impl Tokens {
    /// What the provider did not give anew stays as it was: many give a refresh token only once, and
    /// renewing leaves out what did not change (RFC 6749, section 6).
    #[must_use]
    pub(crate) fn over(self, old: Self) -> Self {
        let (access, access_expires_at) = if self.access.is_empty() {
            (old.access, old.access_expires_at)
        } else {
            (self.access, self.access_expires_at)
        };
        Self {
            access,
            access_expires_at,
            refresh: self.refresh.or(old.refresh),
            id: self.id.or(old.id),
            scopes: self.scopes,
        }
    }
}

impl Profile {
    /// A name that we would not take is replaced by the address's local part, a picture left out.
    fn sanitised(mut self) -> Self {
        let local = self.email.as_deref().and_then(|email| email.split('@').next()).unwrap_or("User");
        self.name =
            profile::name(&self.name).or_else(|_| profile::name(local)).unwrap_or_else(|_| "User".to_owned());
        self.image = profile::image(self.image).unwrap_or_default();
        self
    }
}

/// Where a sign-in at a provider failed; the detail is for the log.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The code or refresh token was not taken, or the provider is away.
    Exchange(String),
    /// Who it is cannot be told: an ID token that does not hold, no profile.
    Profile(String),
    /// The ID token has no nonce.
    Unbound,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exchange(detail) => write!(f, "no tokens: {detail}"),
            Self::Profile(detail) => write!(f, "no profile: {detail}"),
            Self::Unbound => f.write_str("the ID token has no nonce"),
        }
    }
}

/// A provider that is set up.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) id: String,
    pub(crate) name: String,
    /// With the subject the key of an identity.
    pub(crate) issuer: String,
    pub(crate) scopes: Vec<String>,
    protocol: Protocol,
}

#[derive(Debug)]
enum Protocol {
    OpenId(Box<OpenId>),
    GitHub(Box<GitHub>),
}

impl Provider {
    fn new(
        options: ProviderOptions,
        site: &Site,
        http: &Http,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let ProviderOptions { id, name, client_id, client_secret, kind, scopes } = options;
        let plain = |id: &str| {
            !id.is_empty() && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if !plain(&id) || id == "credential" {
            return Err(error::invalid_options(format!("{id:?} cannot be the id of a provider")));
        }
        let client = Client {
            id: client_id,
            secret: client_secret,
            redirect: site.at(&format!("/api/auth/callback/{id}"))?,
            http: http.clone(),
        };
        let asked = |default: &[&str]| {
            if scopes.is_empty() { default.iter().map(ToString::to_string).collect() } else { scopes.clone() }
        };
        let (issuer, scopes, protocol) = match kind {
            ProviderKind::OpenId { issuer } => {
                let openid = OpenId::new(client, &issuer, &[], Arc::clone(clock))?;
                (openid.issuer(), asked(&["openid", "email", "profile"]), Protocol::OpenId(Box::new(openid)))
            }
            ProviderKind::Google { issuer } => {
                let further = [("include_granted_scopes", "true")];
                let openid = OpenId::new(client, &issuer, &further, Arc::clone(clock))?;
                (openid.issuer(), asked(&["email", "profile", "openid"]), Protocol::OpenId(Box::new(openid)))
            }
            ProviderKind::GitHub { url, api_url } => {
                let github = GitHub::new(client, &url, &api_url, Arc::clone(clock))?;
                let issuer = url.as_str().trim_end_matches('/').to_owned();
                (issuer, asked(&["read:user", "user:email"]), Protocol::GitHub(Box::new(github)))
            }
        };
        Ok(Self { id, name, issuer, scopes, protocol })
    }

    /// Where the browser goes (RFC 6749, section 4.1.1, with PKCE S256).
    pub(crate) async fn authorization_url(&self, asked: &Authorization<'_>) -> Result<Url, Failure> {
        match &self.protocol {
            Protocol::OpenId(openid) => openid.authorization_url(asked).await,
            Protocol::GitHub(github) => Ok(github.authorization_url(asked)),
        }
    }

    /// Is this how the provider names itself in answers (RFC 9207)?
    pub(crate) fn is_named(&self, issuer: &str) -> bool {
        let own = issuer == self.issuer;
        match &self.protocol {
            Protocol::OpenId(_) => own,
            Protocol::GitHub(_) => own || issuer.strip_prefix(&*self.issuer) == Some("/login/oauth"),
        }
    }

    /// Is this the issuer that the answer must name (RFC 9207)?
    pub(crate) async fn answered_by(&self, issuer: Option<&str>) -> bool {
        match &self.protocol {
            Protocol::OpenId(openid) => openid.answered_by(issuer).await,
            // It has no metadata that would bind it to name itself.
            Protocol::GitHub(_) => issuer.is_none_or(|issuer| self.is_named(issuer)),
        }
    }

    pub(crate) async fn exchange(&self, code: &str, flow: &Flow) -> Result<Tokens, Failure> {
        match &self.protocol {
            Protocol::OpenId(openid) => openid.exchange(code, flow).await,
            Protocol::GitHub(github) => github.exchange(code, flow).await,
        }
    }

    /// Who signed in; `nonce` is what the ID token must hold.
    pub(crate) async fn profile(&self, tokens: &Tokens, nonce: &str) -> Result<Profile, Failure> {
        let profile = match &self.protocol {
            Protocol::OpenId(openid) => openid.profile(tokens, nonce).await?,
            Protocol::GitHub(github) => github.profile(&tokens.access).await?,
        };
        Ok(profile.sanitised())
    }

    /// Whom an ID token names that a client got by itself. None: there are no such tokens here.
    pub(crate) async fn profile_of_id_token(
        &self,
        token: &str,
        nonce: &str,
        access: &str,
    ) -> Option<Result<Profile, Failure>> {
        match &self.protocol {
            Protocol::OpenId(openid) => {
                Some(openid.profile_of_id_token(token, nonce, access).await.map(Profile::sanitised))
            }
            Protocol::GitHub(_) => None,
        }
    }

    /// Who the bearer of an access token is now.
    pub(crate) async fn look_up(&self, access_token: &str) -> Result<Profile, Failure> {
        match &self.protocol {
            Protocol::OpenId(openid) => openid.user_info(access_token).await,
            Protocol::GitHub(github) => github.profile(access_token).await,
        }
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> Result<Tokens, Failure> {
        match &self.protocol {
            Protocol::OpenId(openid) => openid.refresh(refresh_token).await,
            Protocol::GitHub(github) => github.refresh(refresh_token).await,
        }
    }
}

/// How we are known to a provider.
#[derive(Debug, Clone)]
struct Client {
    id: String,
    secret: SecretString,
    redirect: Url,
    http: Http,
}

/// The providers that are set up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Providers(Arc<Vec<Provider>>);

impl Providers {
    /// # Errors
    /// `INVALID_OPTIONS`.
    pub(crate) fn new(options: SocialOptions, site: &Site, clock: &Arc<dyn Clock>) -> Result<Self, Error> {
        let http = Outbound::new(options.allow_private_networks)
            .map(Http)
            .map_err(|error| error::invalid_options(format!("no HTTP client: {error}")))?;
        let providers: Vec<Provider> = options
            .providers
            .into_iter()
            .map(|options| Provider::new(options, site, &http, clock))
            .collect::<Result<_, _>>()?;
        let mut ids: Vec<&str> = providers.iter().map(|provider| provider.id.as_str()).collect();
        ids.sort_unstable();
        let given = ids.len();
        ids.dedup();
        if ids.len() < given {
            return Err(error::invalid_options("two providers have one id".to_owned()));
        }
        Ok(Self(Arc::new(providers)))
    }

    pub(crate) fn all(&self) -> &[Provider] {
        &self.0
    }

    /// The provider that an account was linked by. One that has another issuer by now must not get the
    /// tokens of the former.
    pub(crate) fn of_link(&self, id: &str, issuer: &str) -> Option<&Provider> {
        self.0.iter().find(|provider| provider.id == id && provider.issuer == issuer)
    }

    /// # Errors
    /// `PROVIDER_NOT_FOUND`.
    pub(crate) fn get(&self, id: &str) -> Result<&Provider, Error> {
        self.0.iter().find(|provider| provider.id == id).ok_or_else(error::provider_not_found)
    }
}

/// Why a token endpoint gave nothing. Its own text is not repeated: it may quote what was sent.
fn refusal_of(error: &RequestTokenError<OutboundError, BasicErrorResponse>) -> Failure {
    Failure::Exchange(match error {
        RequestTokenError::ServerResponse(refusal) => {
            let code = refusal.error().to_string();
            let code: String = code.chars().filter(char::is_ascii_graphic).take(64).collect();
            format!("refused: {code}")
        }
        RequestTokenError::Request(error) => error.to_string(),
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            "an answer that cannot be read".to_owned()
        }
    })
}

/// Scopes as providers write them: apart by spaces, or by commas at GitHub.
fn scopes_of(text: &str) -> Vec<String> {
    text.split([' ', ',']).filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
}
