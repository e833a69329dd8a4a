use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Clock, Error};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthenticationFlow, CoreClaimName, CoreClaimType, CoreClient, CoreClientAuthMethod,
    CoreGrantType, CoreIdToken, CoreIdTokenClaims, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm, CoreResponseMode, CoreResponseType,
    CoreSubjectIdentifierType,
};
use openidconnect::{
    AccessToken, AccessTokenHash, AdditionalProviderMetadata, AuthType, AuthorizationCode,
    ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, IssuerUrl, LoginHint, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier,
    ProviderMetadata, RedirectUrl, RefreshToken, Scope, SignatureVerificationError, TokenResponse,
};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use super::{Authorization, Client, Failure, Flow, Profile, Tokens, scopes_of};
use crate::error;

/// How long metadata and keys are kept.
const KEPT: TimeDelta = TimeDelta::hours(1);
/// A token with an unknown key asks for the keys again at most this often.
const REFETCH: TimeDelta = TimeDelta::seconds(10);
/// What an ID token may be signed with: never a shared secret, never nothing (RFC 8725, section 3.1).
const ALGORITHMS: [CoreJwsSigningAlgorithm; 3] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
];
/// Clocks of two machines may differ by this much.
const LEEWAY: TimeDelta = TimeDelta::minutes(1);

/// RFC 9207, section 3.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct NamesItself {
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for NamesItself {}

type Metadata = ProviderMetadata<
    NamesItself,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

type Discovered = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// An issuer of OpenID Connect (Core 1.0, Discovery 1.0), as the crate `openidconnect` speaks it.
pub(super) struct OpenId {
    client: Client,
    issuer: IssuerUrl,
    /// Parameters of every authorization request.
    further: Vec<(&'static str, &'static str)>,
    clock: Arc<dyn Clock>,
    known: Mutex<Option<(Metadata, DateTime<Utc>)>>,
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
        let issuer = IssuerUrl::new(text.to_owned())
            .map_err(|error| error::invalid_options(format!("{text:?} is no issuer: {error}")))?;
        Ok(Self { client, issuer, further: further.to_vec(), clock, known: Mutex::new(None) })
    }

    pub(super) fn issuer(&self) -> String {
        self.issuer.as_str().to_owned()
    }

    /// Metadata and keys no older than this; older ones when the issuer does not answer.
    async fn metadata(&self, newer_than: TimeDelta) -> Result<Metadata, String> {
        let mut known = self.known.lock().await;
        let now = self.clock.now();
        if let Some((metadata, at)) = &*known
            && now - *at < newer_than
        {
            return Ok(metadata.clone());
        }
        match Metadata::discover_async(self.issuer.clone(), &self.client.http).await {
            Ok(metadata) => {
                *known = Some((metadata.clone(), now));
                Ok(metadata)
            }
            Err(error) => match &*known {
                Some((metadata, _)) => {
                    tracing::warn!(issuer = self.issuer.as_str(), %error, "the issuer's metadata is old");
                    Ok(metadata.clone())
                }
                None => Err(describe(&error)),
            },
        }
    }

    fn with(&self, metadata: Metadata) -> Discovered {
        let methods = metadata.token_endpoint_auth_methods_supported().cloned().unwrap_or_default();
        let basic = methods.is_empty() || methods.contains(&CoreClientAuthMethod::ClientSecretBasic);
        let secret = ClientSecret::new(self.client.secret.expose_secret().to_owned());
        CoreClient::from_provider_metadata(metadata, ClientId::new(self.client.id.clone()), Some(secret))
            .set_redirect_uri(RedirectUrl::from_url(self.client.redirect.clone()))
            .set_auth_type(if basic { AuthType::BasicAuth } else { AuthType::RequestBody })
    }

    pub(super) async fn authorization_url(&self, asked: &Authorization<'_>) -> Result<Url, Failure> {
        let client = self.with(self.metadata(KEPT).await.map_err(Failure::Exchange)?);
        let verifier = PkceCodeVerifier::new(asked.secrets.pkce_verifier.clone());
        let (state, nonce) = (asked.state.to_owned(), asked.secrets.nonce.clone());
        let mut request = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                || CsrfToken::new(state),
                || Nonce::new(nonce),
            )
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        for scope in asked.scopes.iter().filter(|scope| *scope != "openid") {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        if !asked.login_hint.is_empty() {
            request = request.set_login_hint(LoginHint::new(asked.login_hint.to_owned()));
        }
        for (name, value) in &self.further {
            request = request.add_extra_param(*name, *value);
        }
        for (name, value) in asked.further {
            request = request.add_extra_param(name.clone(), value.clone());
        }
        let (url, ..) = request.url();
        Ok(url)
    }

    pub(super) async fn answered_by(&self, issuer: Option<&str>) -> bool {
        match issuer {
            Some(issuer) => issuer == self.issuer.as_str(),
            None => self.metadata(KEPT).await.is_ok_and(|metadata| {
                !metadata.additional_metadata().authorization_response_iss_parameter_supported
            }),
        }
    }

    pub(super) async fn exchange(&self, code: &str, flow: &Flow) -> Result<Tokens, Failure> {
        let client = self.with(self.metadata(KEPT).await.map_err(Failure::Exchange)?);
        let request = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|error| Failure::Exchange(describe(&error)))?
            .set_pkce_verifier(PkceCodeVerifier::new(flow.pkce_verifier.clone()));
        let answer = request.request_async(&self.client.http).await;
        Ok(self.tokens(&answer.map_err(|error| Failure::Exchange(describe(&error)))?))
    }

    pub(super) async fn refresh(&self, refresh_token: &str) -> Result<Tokens, Failure> {
        let client = self.with(self.metadata(KEPT).await.map_err(Failure::Exchange)?);
        let token = RefreshToken::new(refresh_token.to_owned());
        let request =
            client.exchange_refresh_token(&token).map_err(|error| Failure::Exchange(describe(&error)))?;
        let answer = request.request_async(&self.client.http).await;
        Ok(self.tokens(&answer.map_err(|error| Failure::Exchange(describe(&error)))?))
    }

    fn tokens(&self, answer: &openidconnect::core::CoreTokenResponse) -> Tokens {
        let lifetime = answer.expires_in().and_then(|lifetime| TimeDelta::from_std(lifetime).ok());
        Tokens {
            access: answer.access_token().secret().clone(),
            refresh: answer.refresh_token().map(|token| token.secret().clone()),
            id: answer.id_token().map(ToString::to_string),
            access_expires_at: lifetime.and_then(|life| self.clock.now().checked_add_signed(life)),
            scopes: answer.scopes().map(|scopes| scopes.iter().flat_map(|scope| scopes_of(scope)).collect()),
        }
    }

    /// The ID token says who it is; what it leaves out is asked for at the userinfo endpoint.
    pub(super) async fn profile(&self, tokens: &Tokens, nonce: &str) -> Result<Profile, Failure> {
        let id_token = tokens.id.as_deref().ok_or_else(|| Failure::Profile("no ID token".to_owned()))?;
        let profile = self.verified(id_token, nonce, Some(&tokens.access)).await?;
        if profile.email.is_some() {
            return Ok(profile);
        }
        let told = self.user_info(&tokens.access).await?;
        // Core 1.0, section 5.3.2: an answer about somebody else is not used.
        if told.subject != profile.subject {
            return Err(Failure::Profile("the userinfo endpoint speaks of somebody else".to_owned()));
        }
        Ok(told)
    }

    pub(super) async fn profile_of_id_token(&self, token: &str, nonce: &str) -> Result<Profile, Failure> {
        self.verified(token, nonce, None).await
    }

    async fn verified(&self, token: &str, nonce: &str, access: Option<&str>) -> Result<Profile, Failure> {
        let token: CoreIdToken =
            token.parse().map_err(|_| Failure::Profile("the ID token is no token".to_owned()))?;
        let metadata = self.metadata(KEPT).await.map_err(Failure::Profile)?;
        let outcome = match self.check(metadata, &token, nonce, access) {
            Err(Unverified::UnknownKey) => {
                let metadata = self.metadata(REFETCH).await.map_err(Failure::Profile)?;
                self.check(metadata, &token, nonce, access)
            }
            outcome => outcome,
        };
        outcome.map_err(|error| Failure::Profile(error.to_string()))
    }

    fn check(
        &self,
        metadata: Metadata,
        token: &CoreIdToken,
        nonce: &str,
        access: Option<&str>,
    ) -> Result<Profile, Unverified> {
        let client = self.with(metadata);
        let now = self.clock.now();
        let issued = |at: DateTime<Utc>| {
            if at <= now + LEEWAY { Ok(()) } else { Err("issued in the future".to_owned()) }
        };
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || now)
            .set_issue_time_verifier_fn(issued);
        let expected = |given: Option<&Nonce>| {
            let given = given.map_or("", |nonce| nonce.secret().as_str());
            if given == nonce { Ok(()) } else { Err("another nonce".to_owned()) }
        };
        let claims = token.claims(&verifier, expected).map_err(|error| match error {
            ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey) => {
                Unverified::UnknownKey
            }
            error => Unverified::Invalid(describe(&error)),
        })?;
        if let (Some(access), Some(expected)) = (access, claims.access_token_hash()) {
            let invalid = |error: &dyn std::error::Error| Unverified::Invalid(describe(error));
            let algorithm = token.signing_alg().map_err(|error| invalid(&error))?;
            let key = token.signing_key(&verifier).map_err(|error| invalid(&error))?;
            let access = AccessToken::new(access.to_owned());
            let actual =
                AccessTokenHash::from_token(&access, algorithm, key).map_err(|error| invalid(&error))?;
            if actual != *expected {
                return Err(Unverified::Invalid("another access token".to_owned()));
            }
        }
        Ok(of_claims(claims))
    }

    /// What the userinfo endpoint says (Core 1.0, section 5.3).
    pub(super) async fn user_info(&self, access_token: &str) -> Result<Profile, Failure> {
        let metadata = self.metadata(KEPT).await.map_err(Failure::Profile)?;
        let endpoint = metadata.userinfo_endpoint();
        let endpoint = endpoint.ok_or_else(|| Failure::Profile("no userinfo endpoint".to_owned()))?;
        let answer = self.client.http.get_json(endpoint.url(), access_token).await;
        let raw = answer.map_err(|error| Failure::Profile(error.to_string()))?;
        of_raw(raw).ok_or_else(|| Failure::Profile("userinfo without a subject".to_owned()))
    }
}

#[derive(Debug, thiserror::Error)]
enum Unverified {
    #[error("signed with an unknown key")]
    UnknownKey,
    #[error("{0}")]
    Invalid(String),
}

fn of_claims(claims: &CoreIdTokenClaims) -> Profile {
    let raw = serde_json::to_value(claims).unwrap_or_default();
    let subject = claims.subject().as_str().to_owned();
    of_raw(raw).map_or_else(
        || Profile {
            subject: subject.clone(),
            email: None,
            email_verified: false,
            name: String::new(),
            image: None,
            raw: Value::Null,
        },
        |profile| Profile { subject: subject.clone(), ..profile },
    )
}

/// Standard claims (Core 1.0, section 5.1).
fn of_raw(raw: Value) -> Option<Profile> {
    let text = |name: &str| raw[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    Some(Profile {
        subject: text("sub")?,
        email: text("email"),
        // Some write it as text.
        email_verified: raw["email_verified"] == true || raw["email_verified"] == "true",
        name: text("name").or_else(|| text("preferred_username")).unwrap_or_default(),
        image: text("picture"),
        raw,
    })
}

/// With its causes: the outermost says little.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
