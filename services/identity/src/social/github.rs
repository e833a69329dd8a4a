use std::sync::Arc;

use chrono::TimeDelta;
use kernel::{Clock, Error};
use oauth2::basic::{BasicClient, BasicTokenResponse};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, Scope, TokenResponse, TokenUrl,
};
use secrecy::ExposeSecret;
use serde::Deserialize;
use url::Url;

use super::{Authorization, Client, Failure, Flow, Profile, Tokens, refusal_of, scopes_of};
use crate::error;

type Configured = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// OAuth 2.0 as GitHub has it: no ID token, the profile at its API.
#[derive(Debug)]
pub(super) struct GitHub {
    client: Client,
    oauth: Configured,
    user: Url,
    emails: Url,
    clock: Arc<dyn Clock>,
}

#[derive(Deserialize)]
struct User {
    id: u64,
    login: String,
    name: Option<String>,
    email: Option<String>,
    avatar_url: Option<String>,
}

#[derive(Deserialize)]
struct Address {
    email: String,
    primary: bool,
    verified: bool,
}

impl GitHub {
    pub(super) fn new(
        client: Client,
        url: &Url,
        api_url: &Url,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let at = |base: &Url, path: &str| {
            format!("{}{path}", base.as_str().trim_end_matches('/'))
                .parse::<Url>()
                .map_err(|error| error::invalid_options(format!("{base} cannot be used: {error}")))
        };
        let oauth = BasicClient::new(ClientId::new(client.id.clone()))
            .set_client_secret(ClientSecret::new(client.secret.expose_secret().to_owned()))
            .set_auth_uri(AuthUrl::from_url(at(url, "/login/oauth/authorize")?))
            .set_token_uri(TokenUrl::from_url(at(url, "/login/oauth/access_token")?))
            .set_redirect_uri(RedirectUrl::from_url(client.redirect.clone()))
            .set_auth_type(AuthType::RequestBody);
        let (user, emails) = (at(api_url, "/user")?, at(api_url, "/user/emails")?);
        Ok(Self { client, oauth, user, emails, clock })
    }

    pub(super) fn authorization_url(&self, asked: &Authorization<'_>) -> Url {
        let verifier = PkceCodeVerifier::new(asked.secrets.pkce_verifier.clone());
        let mut request = self
            .oauth
            .authorize_url(|| CsrfToken::new(asked.state.to_owned()))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        for scope in asked.scopes {
            request = request.add_scope(Scope::new(scope.clone()));
        }
        if !asked.login_hint.is_empty() {
            request = request.add_extra_param("login", asked.login_hint);
        }
        for (name, value) in asked.further {
            request = request.add_extra_param(name.clone(), value.clone());
        }
        request.url().0
    }

    pub(super) async fn exchange(&self, code: &str, flow: &Flow) -> Result<Tokens, Failure> {
        let request = self
            .oauth
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(flow.pkce_verifier.clone()));
        let answer = request.request_async(&self.client.http).await;
        Ok(self.tokens(&answer.map_err(|error| refusal_of(&error))?))
    }

    /// Only apps with tokens that expire have any.
    pub(super) async fn refresh(&self, refresh_token: &str) -> Result<Tokens, Failure> {
        let token = RefreshToken::new(refresh_token.to_owned());
        let answer = self.oauth.exchange_refresh_token(&token).request_async(&self.client.http).await;
        Ok(self.tokens(&answer.map_err(|error| refusal_of(&error))?))
    }

    fn tokens(&self, answer: &BasicTokenResponse) -> Tokens {
        let lifetime = answer.expires_in().and_then(|lifetime| TimeDelta::from_std(lifetime).ok());
        Tokens {
            access: answer.access_token().secret().clone(),
            refresh: answer.refresh_token().map(|token| token.secret().clone()),
            id: None,
            access_expires_at: lifetime.and_then(|life| self.clock.now().checked_add_signed(life)),
            scopes: answer.scopes().map(|scopes| scopes.iter().flat_map(|scope| scopes_of(scope)).collect()),
        }
    }

    /// The address is the public one of the profile, else the primary one; whether it is verified, only
    /// the list of addresses says.
    pub(super) async fn profile(&self, access_token: &str) -> Result<Profile, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::Profile(error.to_string());
        let http = &self.client.http;
        let raw = http.get_json(&self.user, Some(access_token)).await.map_err(|error| failed(&error))?;
        let odd = |_| Failure::Profile("the answer is not what GitHub documents".to_owned());
        let user = User::deserialize(&raw).map_err(odd)?;
        let listed = http.get_json(&self.emails, Some(access_token)).await.map_err(|error| failed(&error))?;
        let listed = Vec::<Address>::deserialize(listed).map_err(odd)?;
        let public = user.email.filter(|email| !email.is_empty());
        let primary = || listed.iter().find(|address| address.primary).map(|address| address.email.clone());
        let email = public.or_else(primary);
        let verified = |email: &str| {
            listed.iter().any(|address| address.verified && address.email.eq_ignore_ascii_case(email))
        };
        Ok(Profile {
            subject: user.id.to_string(),
            email_verified: email.as_deref().is_some_and(verified),
            email,
            name: user.name.filter(|name| !name.is_empty()).unwrap_or(user.login),
            image: user.avatar_url,
            raw,
        })
    }
}
