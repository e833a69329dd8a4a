use api::common;
use api::session::CheckSessionRequest;
use auth::{Claims, TokenError};
use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use kernel::{Error, ErrorCode};

use crate::error::{Problem, from_peer};
use crate::live_sessions::Touch;
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
    let found = app.live_session(&token, Touch::Look).await?;
    Ok(found.map(|found| common::Caller {
        user_id: found.live.user.id.clone(),
        role: found.live.user.role,
        email_verified: found.live.user.email_verified,
    }))
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
    if is_revoked(app, &claims).await? {
        return Err(Error::new(ErrorCode::Unauthenticated, "SESSION_REVOKED", "The session has ended."));
    }
    Ok(common::Caller {
        user_id: claims.sub,
        role: common::Role::from(claims.role).into(),
        email_verified: claims.email_verified,
    })
}

/// Known here while the feed is fresh, so that access tokens go on working while the session service
/// is away; else it must be asked, and without its answer there is none.
async fn is_revoked(app: &App, claims: &Claims) -> Result<bool, Error> {
    let Claims { sid, sub, sep, .. } = claims;
    if app.revocation.is_revoked(sid, sub, *sep) {
        return Ok(true);
    }
    // One in which an administrator acts ends with the administrator's own.
    if claims.act.is_none() && app.revocation.may_tell(sid, sub) {
        return Ok(false);
    }
    let request = CheckSessionRequest { session_id: sid.clone() };
    let answer = app.sessions().check_session(request).await.map_err(|status| from_peer(&status))?;
    Ok(!answer.into_inner().live)
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

/// The client's address and user agent, for the auth-event log.
#[derive(Debug)]
pub struct RequestClient(pub common::Client);

impl FromRequestParts<App> for RequestClient {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let ip = app.proxies.client(&parts.extensions, &parts.headers).map(|ip| ip.to_string());
        let agent =
            parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let user_agent = agent.chars().take(MAX_USER_AGENT).collect();
        Ok(Self(common::Client { ip: ip.unwrap_or_default(), user_agent }))
    }
}
