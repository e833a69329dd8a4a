use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::cookies::expose;
use super::error::AuthError;
use crate::live_sessions::{LiveSession, Touch};
use crate::state::App;

/// `GET /token`: an RS256 access token of the session, for six hours, or one that was made some
/// minutes ago: nothing that it says has changed since.
pub async fn token(State(app): State<App>, headers: HeaderMap) -> Result<Response, AuthError> {
    let session_token = app.cookies.session_token_or_bearer(&headers).ok_or_else(AuthError::unauthorized)?;
    let found = app.live_session(&session_token, Touch::Look).await?;
    let live = found.ok_or_else(AuthError::unauthorized)?.live;
    let token = app.recent_access_token(&session_token, &live).await?;
    let token = token.ok_or_else(AuthError::unauthorized)?;
    Ok(Json(json!({ "token": token })).into_response())
}

/// Gives the answer an access token of the session in `set-auth-jwt`. It does without one when none
/// can be had: who needs it asks `/token`, which says why.
pub async fn attach_jwt(app: &App, response: &mut Response, session_token: &str, live: &LiveSession) {
    let minted = app.recent_access_token(session_token, live).await.ok().flatten();
    if let Some(value) = minted.and_then(|token| HeaderValue::try_from(token).ok()) {
        response.headers_mut().insert(HeaderName::from_static("set-auth-jwt"), value);
        expose(response.headers_mut(), "set-auth-jwt");
    }
}

/// `GET /jwks` (RFC 7517). Resource servers keep it for five minutes.
pub async fn jwks(State(app): State<App>) -> Result<Response, AuthError> {
    let jwks = app.published_keys().await?;
    let headers =
        [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=300")];
    Ok((headers, jwks).into_response())
}
