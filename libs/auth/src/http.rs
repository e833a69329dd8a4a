//! The issuer over HTTP: its keys, and what it says of a token (RFC 7662).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::JwkSet;
use kernel::Clock;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, RequestBuilder, StatusCode, redirect};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use url::{Host, Url, form_urlencoded};

use crate::{Claims, JwksError, JwksSource, RevocationCheck, Unavailable};

const TIMEOUT: Duration = Duration::from_secs(5);
const MAX_BYTES: usize = 1024 * 1024;
/// An answer about a token is believed for this long: a token that ended is refused within it.
const KEPT: TimeDelta = TimeDelta::seconds(1);
const MAX_ANSWERS: usize = 10_000;

#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("{0:?} is no address")]
    Address(String),
    /// Whoever sits on the way could answer with keys of their own.
    #[error("{0:?} is neither https nor of this machine")]
    Insecure(String),
    #[error("the HTTP client cannot be made")]
    Client(#[source] reqwest::Error),
}

/// May answers from there be believed? On this machine nobody sits on the way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Transport {
    Secure,
    Any,
}

fn address(text: &str, transport: Transport) -> Result<Url, HttpError> {
    let url = Url::parse(text).map_err(|_| HttpError::Address(text.to_owned()))?;
    let local = match url.host() {
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    match url.scheme() {
        "https" => Ok(url),
        "http" if local || transport == Transport::Any => Ok(url),
        "http" => Err(HttpError::Insecure(text.to_owned())),
        _ => Err(HttpError::Address(text.to_owned())),
    }
}

fn client() -> Result<Client, HttpError> {
    // A redirect could lead to where nobody checked.
    let builder = Client::builder().timeout(TIMEOUT).redirect(redirect::Policy::none());
    builder.build().map_err(HttpError::Client)
}

/// The JSON of an answer, if it is 200 and not too long.
async fn ask<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, String> {
    let request = request.header(ACCEPT, "application/json");
    let failed = |error: reqwest::Error| error.without_url().to_string();
    let mut answer = request.send().await.map_err(failed)?;
    if answer.status() != StatusCode::OK {
        return Err(format!("the answer is {}", answer.status()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err("the answer is longer than 1 MiB".to_owned());
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|error| format!("the answer is not what it should be: {error}"))
}

/// The issuer's `jwks_uri`: 5 seconds, no redirects, at most 1 MiB.
#[derive(Debug, Clone)]
pub struct HttpJwks {
    client: Client,
    url: Url,
}

impl HttpJwks {
    /// `<issuer>/jwks`, of an address with https or on this machine.
    ///
    /// # Errors
    /// [`HttpError`].
    pub fn new(jwks_uri: &str) -> Result<Self, HttpError> {
        Ok(Self { client: client()?, url: address(jwks_uri, Transport::Secure)? })
    }

    /// Also over plain http to another machine, for tests and where the network is trusted like a
    /// cable: whoever can change the answer can sign tokens.
    ///
    /// # Errors
    /// [`HttpError`].
    pub fn insecure(jwks_uri: &str) -> Result<Self, HttpError> {
        Ok(Self { client: client()?, url: address(jwks_uri, Transport::Any)? })
    }
}

#[async_trait]
impl JwksSource for HttpJwks {
    async fn fetch(&self) -> Result<JwkSet, JwksError> {
        ask(self.client.get(self.url.clone())).await.map_err(|error| {
            tracing::warn!(url = %self.url, error, "no key set");
            JwksError::Unavailable
        })
    }
}

/// Asks the issuer whether a token is still good (RFC 7662), as an application with a secret. An
/// answer is kept for a second; without one nothing is known.
pub struct Introspection {
    client: Client,
    url: Url,
    client_id: String,
    client_secret: String,
    clock: Arc<dyn Clock>,
    answers: Mutex<HashMap<[u8; 32], Answer>>,
}

impl std::fmt::Debug for Introspection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Introspection").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Deserialize)]
struct State {
    active: bool,
}

struct Answer {
    active: bool,
    at: DateTime<Utc>,
}

impl Introspection {
    /// `<issuer>/oauth2/introspect`, of an address with https or on this machine.
    ///
    /// # Errors
    /// [`HttpError`].
    pub fn new(
        endpoint: &str,
        client_id: &str,
        client_secret: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, HttpError> {
        Self::at(address(endpoint, Transport::Secure)?, client_id, client_secret, clock)
    }

    /// Also over plain http to another machine: whoever can listen there sees tokens and the secret.
    ///
    /// # Errors
    /// [`HttpError`].
    pub fn insecure(
        endpoint: &str,
        client_id: &str,
        client_secret: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, HttpError> {
        Self::at(address(endpoint, Transport::Any)?, client_id, client_secret, clock)
    }

    fn at(url: Url, id: &str, secret: &str, clock: Arc<dyn Clock>) -> Result<Self, HttpError> {
        // RFC 6749, section 2.3.1.
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let (client_id, client_secret) = (encoded(id), encoded(secret));
        Ok(Self { client: client()?, url, client_id, client_secret, clock, answers: Mutex::default() })
    }

    fn known(&self, id: &[u8; 32], now: DateTime<Utc>) -> Option<bool> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.get(id).filter(|answer| now - answer.at < KEPT).map(|answer| answer.active)
    }

    fn keep(&self, id: [u8; 32], active: bool, at: DateTime<Utc>) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= MAX_ANSWERS {
            answers.retain(|_, answer| at - answer.at < KEPT);
        }
        // Whoever is not kept is asked for again.
        if answers.len() < MAX_ANSWERS {
            answers.insert(id, Answer { active, at });
        }
    }
}

/// RFC 7662, section 2.1.
fn question(token: &str) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("token", token).append_pair("token_type_hint", "access_token");
    form.finish()
}

#[async_trait]
impl RevocationCheck for Introspection {
    async fn is_revoked(&self, _: &Claims, token: &str) -> Result<bool, Unavailable> {
        let id: [u8; 32] = Sha256::digest(token).into();
        // The answer may be as old as the question.
        let asked_at = self.clock.now();
        if let Some(active) = self.known(&id, asked_at) {
            return Ok(!active);
        }
        let request = self
            .client
            .post(self.url.clone())
            .basic_auth(&self.client_id, Some(&self.client_secret))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(question(token));
        let State { active } = ask(request).await.map_err(|error| {
            tracing::warn!(url = %self.url, error, "no answer about a token");
            Unavailable
        })?;
        self.keep(id, active, asked_at);
        Ok(!active)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_this_machine_are_believed() {
        for good in [
            "https://school.example/api/auth/jwks",
            "http://127.0.0.1:8080/jwks",
            "http://127.9.9.9/jwks",
            "http://[::1]/jwks",
            "http://localhost:8080/jwks",
        ] {
            assert!(address(good, Transport::Secure).is_ok(), "{good}");
        }
        for plain in ["http://school.example/jwks", "http://10.0.0.1/jwks", "http://localhost.example/jwks"] {
            assert!(matches!(address(plain, Transport::Secure), Err(HttpError::Insecure(_))), "{plain}");
            assert!(address(plain, Transport::Any).is_ok(), "{plain}");
        }
        for none in ["file:///etc/passwd", "ftp://127.0.0.1/", "jwks", ""] {
            assert!(matches!(address(none, Transport::Any), Err(HttpError::Address(_))), "{none}");
        }
    }
}
