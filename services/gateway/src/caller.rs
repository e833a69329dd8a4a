use std::net::SocketAddr;

use api::common;
use api::session::{CheckSessionRequest, GetSessionRequest};
use auth::TokenError;
use axum::extract::{ConnectInfo, FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use kernel::{Error, ErrorCode};

use crate::error::{Problem, from_peer};
use crate::state::App;

const MAX_USER_AGENT: usize = 512;

/// A signed-in caller: by access token (`Authorization: Bearer`), else by session cookie. Nothing
/// a client claims about itself in other headers is believed.
#[derive(Debug)]
pub struct SignedIn(pub common::Caller);

impl FromRequestParts<App> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        identify(app, &parts.headers).await?.map(Self).ok_or_else(|| Problem::from(unauthenticated()))
    }
}

impl OptionalFromRequestParts<App> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>, Problem> {
        Ok(identify(app, &parts.headers).await?.map(Self))
    }
}

/// Who is asking; `None` without any proof. A proof that is given and bad is an error, never an
/// anonymous caller.
pub async fn identify(app: &App, headers: &HeaderMap) -> Result<Option<common::Caller>, Error> {
    if let Some(token) = bearer(headers) {
        return by_access_token(app, token).await.map(Some);
    }
    let Some(token) = app.cookies.session_token(headers) else { return Ok(None) };
    match app.sessions().get_session(GetSessionRequest { token, disable_refresh: true }).await {
        Ok(answer) => Ok(answer.into_inner().user.map(|user| common::Caller {
            user_id: user.id,
            role: user.role,
            email_verified: user.email_verified,
        })),
        Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
        Err(status) => Err(from_peer(&status)),
    }
}

async fn by_access_token(app: &App, token: &str) -> Result<common::Caller, Error> {
    let claims = app.verifier.verify(token).await.map_err(|error| match error {
        TokenError::Invalid => {
            Error::new(ErrorCode::Unauthenticated, "INVALID_TOKEN", "The access token is not valid.")
        }
        TokenError::Expired => {
            Error::new(ErrorCode::Unauthenticated, "TOKEN_EXPIRED", "The access token has expired.")
        }
        TokenError::Unavailable => Error::unavailable("Access tokens cannot be checked right now."),
    })?;
    match app.sessions().check_session(CheckSessionRequest { session_id: claims.sid }).await {
        Ok(answer) if answer.get_ref().live => {}
        Ok(_) => {
            return Err(Error::new(ErrorCode::Unauthenticated, "SESSION_REVOKED", "The session has ended."));
        }
        // The signature proves who asks; that the session ended meanwhile cannot be seen while the
        // session service is away. Reading and asking go on.
        Err(status) if api::from_status(&status).code == ErrorCode::Unavailable => {
            tracing::warn!(code = ?status.code(), "sessions cannot be checked: trusting the signature");
        }
        Err(status) => return Err(from_peer(&status)),
    }
    Ok(common::Caller {
        user_id: claims.sub,
        role: common::Role::from(claims.role).into(),
        email_verified: claims.email_verified,
    })
}

/// The credentials of `Authorization: Bearer`; the scheme's case does not matter (RFC 9110, 11.1).
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| credentials.trim())
}

pub fn unauthenticated() -> Error {
    Error::new(ErrorCode::Unauthenticated, "UNAUTHENTICATED", "Please sign in.")
}

/// The peer's address and user agent, for the auth-event log. `X-Forwarded-For` is not read: any
/// client can write it.
#[derive(Debug)]
pub struct RequestClient(pub common::Client);

impl FromRequestParts<App> for RequestClient {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Self::Rejection> {
        let ip = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|info| info.0.ip().to_canonical().to_string());
        let agent =
            parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let user_agent = agent.chars().take(MAX_USER_AGENT).collect();
        Ok(Self(common::Client { ip: ip.unwrap_or_default(), user_agent }))
    }
}
