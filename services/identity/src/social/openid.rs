use std::fmt;
use std::sync::Arc;

use chrono::TimeDelta;
use jsonwebtoken::jwk::JwkSet;
use kernel::{Clock, Error};
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    ExtraTokenFields, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, Scope,
    StandardRevocableToken, StandardTokenResponse, TokenResponse, TokenUrl,
};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::cached::Cached;
use super::id_token::{self, Claims, Expected, Fault, Person};
use super::{Authorization, Client, Failure, Flow, Profile, Tokens, refusal_of, scopes_of};
use crate::error;

/// As which Google issues ID tokens.
const GOOGLE: &str = "https://accounts.google.com";
/// How long metadata and keys are kept.
const METADATA_FOR: TimeDelta = TimeDelta::hours(1);
const KEYS_FOR: TimeDelta = TimeDelta::minutes(10);
/// A token with an unknown key asks for the keys again at most this often.
const REFETCH: TimeDelta = TimeDelta::seconds(10);
/// An ID token that a client brings is as old as this at most.
const BROUGHT_WITHIN: TimeDelta = TimeDelta::hours(1);

type Answer = StandardTokenResponse<IdToken, BasicTokenType>;
type Configured = oauth2::Client<
    BasicErrorResponse,
    Answer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// What OpenID adds to the answer of a token endpoint (Core 1.0, section 3.1.3.3).
#[derive(Serialize, Deserialize)]
struct IdToken {
    #[serde(default)]
    id_token: Option<String>,
}

impl ExtraTokenFields for IdToken {}

impl fmt::Debug for IdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdToken")
    }
}

/// OpenID Connect Discovery 1.0, section 3; RFC 9207, section 3.
#[derive(Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: Url,
    token_endpoint: Url,
    #[serde(default)]
    userinfo_endpoint: Option<Url>,
    jwks_uri: Url,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// An issuer of OpenID Connect (Core 1.0, Discovery 1.0). The OAuth in it is that of the crate
/// `oauth2`; ID tokens are verified by `jsonwebtoken` on aws-lc-rs, since `openidconnect` brings the
/// crate `rsa` (`RUSTSEC-2023-0071`).
pub(super) struct OpenId {
    client: Client,
    issuer: String,
    /// The issuer, and how else it may name itself in ID tokens.
    issuers: Vec<String>,
    /// Parameters of every authorization request.
    further: Vec<(&'static str, &'static str)>,
    clock: Arc<dyn Clock>,
    metadata: Cached<Metadata>,
    keys: Cached<JwkSet>,
}

impl fmt::Debug for OpenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenId").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl OpenId {
    pub(super) fn new(
        client: Client,
        issuer: &Url,
        further: &[(&'static str, &'static str)],
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        // Identifiers are compared as text, and few end in a slash; those that do name a path.
        let text = if issuer.path() == "/" { issuer.as_str().trim_end_matches('/') } else { issuer.as_str() };
        let plain = issuer.has_host() && issuer.query().is_none() && issuer.fragment().is_none();
        if !plain || !matches!(issuer.scheme(), "https" | "http") {
            return Err(error::invalid_options(format!("{text:?} is no issuer")));
        }
        let mut issuers = vec![text.to_owned()];
        if text == GOOGLE {
            // "Always https://accounts.google.com or accounts.google.com", its documentation says.
            issuers.push("accounts.google.com".to_owned());
        }
        Ok(Self {
            client,
            issuer: text.to_owned(),
            issuers,
            further: further.to_vec(),
            clock,
            metadata: Cached::empty(),
            keys: Cached::empty(),
        })
    }

    pub(super) fn issuer(&self) -> String {
        self.issuer.clone()
    }

    async fn metadata(&self) -> Result<Arc<Metadata>, String> {
        let fetch = async {
            let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
            let url = url.parse().map_err(|_| "no address to discover it at".to_owned())?;
            let metadata: Metadata = self.ask(&url, None).await?;
            self.check(&metadata)?;
            Ok(metadata)
        };
        self.metadata.get(self.clock.now(), METADATA_FOR, fetch).await
    }

    /// The document is the issuer's own, and names no address that is not to be asked.
    fn check(&self, metadata: &Metadata) -> Result<(), String> {
        if metadata.issuer != self.issuer {
            return Err("the metadata is of another issuer".to_owned());
        }
        let urls = [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri];
        for url in urls.into_iter().chain(&metadata.userinfo_endpoint) {
            self.client.http.check(url).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    async fn ask<T: DeserializeOwned>(&self, url: &Url, bearer: Option<&str>) -> Result<T, String> {
        let answer = self.client.http.get_json(url, bearer).await.map_err(|error| error.to_string())?;
        // What does not fit is not quoted: it may hold anything.
        T::deserialize(answer).map_err(|_| "the answer is not what the standard says".to_owned())
    }

    fn with(&self, metadata: &Metadata) -> Configured {
        // Without a list it is the header (Discovery 1.0, section 3).
        let methods = metadata.token_endpoint_auth_methods_supported.as_deref().unwrap_or_default();
        let basic = methods.is_empty() || methods.iter().any(|method| method == "client_secret_basic");
        oauth2::Client::new(ClientId::new(self.client.id.clone()))
            .set_client_secret(ClientSecret::new(self.client.secret.expose_secret().to_owned()))
            .set_auth_uri(AuthUrl::from_url(metadata.authorization_endpoint.clone()))
            .set_token_uri(TokenUrl::from_url(metadata.token_endpoint.clone()))
            .set_redirect_uri(RedirectUrl::from_url(self.client.redirect.clone()))
            .set_auth_type(if basic { AuthType::BasicAuth } else { AuthType::RequestBody })
    }

    pub(super) async fn authorization_url(&self, asked: &Authorization<'_>) -> Result<Url, Failure> {
        let metadata = self.metadata().await.map_err(Failure::Exchange)?;
        let client = self.with(&metadata);
        let verifier = PkceCodeVerifier::new(asked.secrets.pkce_verifier.clone());
        let mut request = client
            .authorize_url(|| CsrfToken::new(asked.state.to_owned()))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .add_extra_param("nonce", asked.secrets.nonce.clone());
        if !asked.scopes.iter().any(|scope| scope == "openid") {
            request = request.add_scope(Scope::new("openid".to_owned()));
        }
        request = request.add_scopes(asked.scopes.iter().cloned().map(Scope::new));
        if !asked.login_hint.is_empty() {
            request = request.add_extra_param("login_hint", asked.login_hint);
        }
        for (name, value) in &self.further {
            request = request.add_extra_param(*name, *value);
        }
        for (name, value) in asked.further {
            request = request.add_extra_param(name.clone(), value.clone());
        }
        Ok(request.url().0)
    }

    pub(super) async fn answered_by(&self, issuer: Option<&str>) -> bool {
        match issuer {
            Some(issuer) => issuer == self.issuer,
            None => self
                .metadata()
                .await
                .is_ok_and(|metadata| !metadata.authorization_response_iss_parameter_supported),
        }
    }

    pub(super) async fn exchange(&self, code: &str, flow: &Flow) -> Result<Tokens, Failure> {
        let metadata = self.metadata().await.map_err(Failure::Exchange)?;
        let client = self.with(&metadata);
        let request = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(flow.pkce_verifier.clone()));
        let answer = request.request_async(&self.client.http).await;
        Ok(self.tokens(&answer.map_err(|error| refusal_of(&error))?))
    }

    pub(super) async fn refresh(&self, refresh_token: &str) -> Result<Tokens, Failure> {
        let metadata = self.metadata().await.map_err(Failure::Exchange)?;
        let client = self.with(&metadata);
        let token = RefreshToken::new(refresh_token.to_owned());
        let answer = client.exchange_refresh_token(&token).request_async(&self.client.http).await;
        Ok(self.tokens(&answer.map_err(|error| refusal_of(&error))?))
    }

    fn tokens(&self, answer: &Answer) -> Tokens {
        let lifetime = answer.expires_in().and_then(|lifetime| TimeDelta::from_std(lifetime).ok());
        Tokens {
            access: answer.access_token().secret().clone(),
            refresh: answer.refresh_token().map(|token| token.secret().clone()),
            id: answer.extra_fields().id_token.clone(),
            access_expires_at: lifetime.and_then(|life| self.clock.now().checked_add_signed(life)),
            scopes: answer.scopes().map(|scopes| scopes.iter().flat_map(|scope| scopes_of(scope)).collect()),
        }
    }

    /// The ID token says who it is; what it leaves out is asked for at the userinfo endpoint.
    pub(super) async fn profile(&self, tokens: &Tokens, nonce: &str) -> Result<Profile, Failure> {
        let id_token = tokens.id.as_deref().ok_or_else(|| Failure::Profile("no ID token".to_owned()))?;
        let claims = self.verified(id_token, (nonce, &tokens.access), None).await?;
        self.complete(claims, &tokens.access).await
    }

    /// An ID token that a client got by itself, perhaps with an access token.
    pub(super) async fn profile_of_id_token(
        &self,
        token: &str,
        nonce: &str,
        access: &str,
    ) -> Result<Profile, Failure> {
        let claims = self.verified(token, (nonce, access), Some(BROUGHT_WITHIN)).await?;
        self.complete(claims, access).await
    }

    async fn complete(&self, claims: Claims, access: &str) -> Result<Profile, Failure> {
        let Claims { sub, person, .. } = claims;
        if person.email.is_some() || access.is_empty() {
            return Ok(profile(sub, person, Value::Null));
        }
        let told = self.user_info(access).await?;
        // Core 1.0, section 5.3.2: an answer about somebody else is not used.
        if told.subject != sub {
            return Err(Failure::Profile("the userinfo endpoint speaks of somebody else".to_owned()));
        }
        Ok(told)
    }

    async fn verified(
        &self,
        token: &str,
        (nonce, access): (&str, &str),
        max_age: Option<TimeDelta>,
    ) -> Result<Claims, Failure> {
        let expected = Expected {
            issuers: &self.issuers,
            client_id: &self.client.id,
            nonce,
            access_token: (!access.is_empty()).then_some(access),
            max_age,
        };
        let verified = async {
            let wanted = id_token::wanted(token)?;
            let mut key = wanted.find(&*self.keys(KEYS_FOR).await?);
            if key.is_none() {
                key = wanted.find(&*self.keys(REFETCH).await?);
            }
            wanted.verify(token, &key.ok_or(Fault::UnknownKey)?, &expected, self.clock.now())
        };
        verified.await.map_err(|fault| match fault {
            Fault::NonceMissing => Failure::Unbound,
            fault => Failure::Profile(format!("the ID token is {fault}")),
        })
    }

    async fn keys(&self, age: TimeDelta) -> Result<Arc<JwkSet>, Fault> {
        let fetched = async {
            let metadata = self.metadata().await?;
            self.keys.get(self.clock.now(), age, self.ask(&metadata.jwks_uri, None)).await
        };
        fetched.await.map_err(|error| {
            tracing::warn!(issuer = self.issuer, error, "the issuer's keys cannot be had");
            Fault::Unavailable
        })
    }

    /// What the userinfo endpoint says (Core 1.0, section 5.3).
    pub(super) async fn user_info(&self, access_token: &str) -> Result<Profile, Failure> {
        let metadata = self.metadata().await.map_err(Failure::Profile)?;
        let endpoint = metadata.userinfo_endpoint.as_ref();
        let endpoint = endpoint.ok_or_else(|| Failure::Profile("no userinfo endpoint".to_owned()))?;
        let raw: Value = self.ask(endpoint, Some(access_token)).await.map_err(Failure::Profile)?;
        let subject = raw["sub"].as_str().filter(|subject| id_token::is_subject(subject));
        let subject = subject.ok_or_else(|| Failure::Profile("userinfo without a subject".to_owned()))?;
        let person = Person::deserialize(&raw).map_err(|_| Failure::Profile("no userinfo".to_owned()))?;
        Ok(profile(subject.to_owned(), person, raw.clone()))
    }
}

fn profile(subject: String, person: Person, raw: Value) -> Profile {
    Profile {
        subject,
        email: person.email,
        email_verified: person.email_verified,
        name: person.name.or(person.preferred_username).unwrap_or_default(),
        image: person.picture,
        raw,
    }
}
