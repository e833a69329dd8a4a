use std::sync::Arc;
use std::time::Duration;

use api::session::{
    AuthenticateClientRequest, AuthorizeDeviceRequest, BasicCredentials, ClientCall, IntrospectRequest,
    PushAuthorizationRequest, RevokeTokenRequest, TokenRequest,
};
use aws_lc_rs::digest::{SHA256, digest};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel::Error;
use percent_encoding::percent_decode_str;
use quick_cache::sync::Cache;
use serde_json::{Map, Value, json};
use tokio::time::Instant;
use url::form_urlencoded;

use super::authorize::to_wire;
use super::error::{OAuthProblem, no_store};
use super::{inspect, parse_json};
use crate::body;
use crate::caller::RequestClient;
use crate::state::App;

/// How long a client that has proven who it is need not do so again to introspect.
const PROVEN: Duration = Duration::from_secs(1);

/// A form that a client has posted, and how it says who it is.
pub struct Called(ClientCall);

impl FromRequest<App> for Called {
    type Rejection = OAuthProblem;

    async fn from_request(request: Request, app: &App) -> Result<Self, OAuthProblem> {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let (method, headers) = (parts.method.as_str().to_owned(), parts.headers.clone());
        let bytes = Bytes::from_request(Request::from_parts(parts, body), app).await;
        let bytes = body::read(bytes)?;
        if body::media_type(&headers) != "application/x-www-form-urlencoded" {
            let error = Error::invalid("UNSUPPORTED_MEDIA_TYPE", "A form is expected");
            return Err(OAuthProblem::from(error));
        }
        let form = std::str::from_utf8(&bytes).map_err(|_| OAuthProblem::request("The form is no UTF-8"))?;
        let parameters: Vec<(String, String)> =
            form_urlencoded::parse(form.as_bytes()).into_owned().collect();
        Ok(Self(ClientCall {
            parameters: to_wire(&parameters),
            basic: basic(&headers)?,
            dpop_proofs: proofs(&headers),
            method,
            // Of our own making: what a client writes into `Host` is no part of it.
            url: format!("{}{path}", app.public_origin),
        }))
    }
}

impl Called {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.parameters.iter().find(|parameter| parameter.name == name);
        found.map(|parameter| parameter.value.as_str())
    }

    /// A refused client is asked for what it had tried.
    fn refused(&self) -> impl Fn(tonic::Status) -> OAuthProblem + use<> {
        let basic = self.0.basic.is_some();
        move |status| {
            let problem = OAuthProblem::from(status);
            if basic { problem.challenging("Basic") } else { problem }
        }
    }
}

/// RFC 6749, section 2.3.1: both parts are form-encoded first.
fn basic(headers: &HeaderMap) -> Result<Option<BasicCredentials>, OAuthProblem> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let malformed = || {
        let error =
            Error::new(kernel::ErrorCode::Unauthenticated, "INVALID_CLIENT", "Authorization is malformed");
        OAuthProblem::from(error).challenging("Basic")
    };
    let text = value.to_str().map_err(|_| malformed())?;
    let (scheme, credentials) = text.split_once(' ').ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed());
    }
    let decoded = STANDARD.decode(credentials.trim()).map_err(|_| malformed())?;
    let decoded = String::from_utf8(decoded).map_err(|_| malformed())?;
    let (id, secret) = decoded.split_once(':').ok_or_else(malformed)?;
    let part = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8().map(std::borrow::Cow::into_owned).map_err(|_| malformed())
    };
    Ok(Some(BasicCredentials { id: part(id)?, secret: part(secret)? }))
}

pub fn proofs(headers: &HeaderMap) -> Vec<String> {
    let all = headers.get_all("dpop").iter();
    all.map(|value| value.to_str().unwrap_or_default().to_owned()).collect()
}

/// `POST /oauth2/token`.
pub async fn token(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    called: Called,
) -> Result<Response, OAuthProblem> {
    let refused = called.refused();
    let request = TokenRequest { call: Some(called.0), client: Some(client) };
    let tokens = app.provider().token(request).await.map_err(refused)?.into_inner();
    let mut body = Map::new();
    body.insert("access_token".to_owned(), json!(tokens.access_token));
    body.insert("token_type".to_owned(), json!(tokens.token_type));
    body.insert("expires_in".to_owned(), json!(tokens.expires_in));
    let expires_at = api::time(tokens.expires_at.as_ref()).map_err(|_| Error::internal())?;
    body.insert("expires_at".to_owned(), json!(expires_at.timestamp()));
    body.insert("scope".to_owned(), json!(tokens.scope));
    for (name, value) in [("refresh_token", tokens.refresh_token), ("id_token", tokens.id_token)] {
        if !value.is_empty() {
            body.insert(name.to_owned(), json!(value));
        }
    }
    Ok(no_store(Json(body).into_response()))
}

/// `POST /oauth2/par` (RFC 9126, section 2.2).
pub async fn push(State(app): State<App>, called: Called) -> Result<Response, OAuthProblem> {
    let refused = called.refused();
    let request = PushAuthorizationRequest { call: Some(called.0) };
    let pushed = app.provider().push_authorization(request).await.map_err(refused)?.into_inner();
    let body = json!({ "request_uri": pushed.request_uri, "expires_in": pushed.expires_in });
    Ok(no_store((StatusCode::CREATED, Json(body)).into_response()))
}

/// `POST /oauth2/device_authorization` (RFC 8628, section 3.2).
pub async fn start_device(State(app): State<App>, called: Called) -> Result<Response, OAuthProblem> {
    let refused = called.refused();
    let request = AuthorizeDeviceRequest { call: Some(called.0) };
    let started = app.provider().authorize_device(request).await.map_err(refused)?.into_inner();
    let page = format!("{}/device", app.public_origin);
    let body = json!({
        "device_code": started.device_code,
        "user_code": started.user_code,
        "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code={}", started.user_code),
        "expires_in": started.expires_in,
        "interval": started.interval,
    });
    Ok(no_store(Json(body).into_response()))
}

/// `POST /oauth2/revoke` (RFC 7009, section 2.2).
pub async fn revoke(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    called: Called,
) -> Result<Response, OAuthProblem> {
    let refused = called.refused();
    let request = RevokeTokenRequest { call: Some(called.0), client: Some(client) };
    app.provider().revoke_token(request).await.map_err(refused)?;
    Ok(no_store(StatusCode::OK.into_response()))
}

/// Clients that have just proven who they are, by the hash of how they did.
pub struct IntrospectionClients(Cache<[u8; 32], (Arc<str>, Instant)>);

impl std::fmt::Debug for IntrospectionClients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IntrospectionClients")
    }
}

impl Default for IntrospectionClients {
    fn default() -> Self {
        Self(Cache::new(1_000))
    }
}

/// `POST /oauth2/introspect` (RFC 7662), for clients that prove who they are.
pub async fn introspect(State(app): State<App>, called: Called) -> Result<Response, OAuthProblem> {
    let token = called.get("token").unwrap_or_default().to_owned();
    let client_id = confidential(&app, called).await?;
    if token.is_empty() {
        return Err(OAuthProblem::request("The parameter token is missing"));
    }
    let claims = if let Some(claims) = inspect::known_here(&app, &token).await {
        claims
    } else {
        let request = IntrospectRequest { client_id: client_id.as_ref().to_owned(), token };
        parse_json(&app.provider().introspect(request).await?.into_inner().claims_json)
    };
    Ok(no_store(Json(claims).into_response()))
}

async fn confidential(app: &App, called: Called) -> Result<Arc<str>, OAuthProblem> {
    let key = cache_key(&called);
    if let Some((id, at)) = key.and_then(|key| app.introspection_clients.0.get(&key))
        && at.elapsed() < PROVEN
    {
        return Ok(id);
    }
    let refused = called.refused();
    let asked_at = Instant::now();
    let request = AuthenticateClientRequest { call: Some(called.0) };
    let answer = app.provider().authenticate_client(request).await.map_err(refused)?.into_inner();
    if !answer.confidential {
        let error = Error::new(
            kernel::ErrorCode::Unauthenticated,
            "INVALID_CLIENT",
            "Only clients that prove who they are may ask about tokens",
        );
        return Err(OAuthProblem::from(error));
    }
    let id: Arc<str> = answer.client_id.into();
    if let Some(key) = key {
        app.introspection_clients.0.insert(key, (Arc::clone(&id), asked_at));
    }
    Ok(id)
}

/// Of secrets alone: an assertion is good once.
fn cache_key(called: &Called) -> Option<[u8; 32]> {
    let assertion = called.get("client_assertion").is_some();
    let (way, id, secret) = match &called.0.basic {
        Some(basic) if !assertion && called.get("client_secret").is_none() => {
            ("basic", &*basic.id, &*basic.secret)
        }
        None if !assertion => ("post", called.get("client_id")?, called.get("client_secret")?),
        _ => return None,
    };
    let text = format!("{way}:{}:{id}:{secret}", id.len());
    digest(&SHA256, text.as_bytes()).as_ref().try_into().ok()
}

pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
