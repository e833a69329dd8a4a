use api::session::{ListSessionsRequest, RevokeSessionRequest};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::admin::sign_out_administrator;
use super::current::{Current, Level};
use super::error::AuthError;
use super::input::{Fields, Query};
use super::output;
use super::tokens::attach_jwt;
use crate::caller::RequestClient;
use crate::live_sessions::{Found, LiveSession, Touch};
use crate::state::App;

/// `GET /get-session`: `null` or `{session, user}`, always 200.
pub async fn get_session(
    State(app): State<App>,
    Query(mut query): Query,
    headers: HeaderMap,
) -> Result<Response, AuthError> {
    let disable_refresh = query.optional_string("disableRefresh").is_some_and(|flag| is_set(&flag));
    // Nothing is kept in the cookie, so there is no cache to pass by.
    query.optional_string("disableCookieCache");
    query.check()?;
    let touch = if disable_refresh { Touch::Look } else { Touch::Prolong };
    let Some(token) = app.cookies.session_token_or_bearer(&headers) else {
        return Ok(Json(json!(null)).into_response());
    };
    let Some(Found { live, prolonged }) = app.live_session(&token, touch).await? else {
        return Ok(signed_out(&app, json!(null)));
    };
    let LiveSession { session, user, .. } = &*live;
    let body = json!({ "session": output::session(session, &token), "user": output::user(user) });
    let mut response = Json(body).into_response();
    if prolonged {
        app.cookies.set_session(response.headers_mut(), &token, session.remember);
    }
    attach_jwt(&app, &mut response, &token, &live).await;
    Ok(response)
}

fn is_set(flag: &str) -> bool {
    !matches!(flag, "" | "0" | "false" | "undefined")
}

/// `POST /get-session` is for servers that put off refreshing. We do not.
pub async fn post_get_session() -> AuthError {
    AuthError::bad_request(
        "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED",
        "POST method requires deferSessionRefresh to be enabled in session config",
    )
}

/// `POST /sign-out`: succeeds without a session, too.
pub async fn sign_out(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    mut fields: Fields,
) -> Result<Response, AuthError> {
    fields.optional_string("callbackURL");
    fields.optional_bool("disableRedirect", false);
    fields.optional_string("state");
    fields.check()?;
    if let Some(token) = app.cookies.session_token_or_bearer(&headers) {
        let request = RevokeSessionRequest {
            token: token.clone(),
            client: Some(client.clone()),
            reason: String::new(),
        };
        app.sessions().revoke_session(request).await?;
        app.forget_session(&token);
    }
    let mut response = signed_out(&app, json!({ "success": true }));
    sign_out_administrator(&app, &headers, client, &mut response).await?;
    Ok(response)
}

/// `GET /list-sessions`: the caller's own with its token, the others with a handle.
pub async fn list(State(app): State<App>, headers: HeaderMap) -> Result<Json<Value>, AuthError> {
    let current = Current::require(&app, &headers, Level::Fresh).await?;
    let request = ListSessionsRequest { user_id: current.user.id };
    let sessions = app.sessions().list_sessions(request).await?.into_inner().sessions;
    let shown = sessions.iter().filter(|session| session.impersonated_by.is_empty()).map(|session| {
        let own = session.id == current.session.id;
        output::session(session, if own { &current.token } else { &session.id })
    });
    Ok(Json(shown.collect()))
}

/// `POST /revoke-session`, by token or handle. What is not there or not the caller's stays as it is.
pub async fn revoke(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    mut fields: Fields,
) -> Result<Response, AuthError> {
    let named = fields.string("token");
    fields.check()?;
    let current = Current::require(&app, &headers, Level::Live).await?;
    let done = json!({ "status": true });
    // An empty name would mean all of them.
    if named.is_empty() {
        return Ok(Json(done).into_response());
    }
    current.revoke(&app, client, &named, "").await?;
    let own = named == current.token || named == current.session.id;
    Ok(if own { signed_out(&app, done) } else { Json(done).into_response() })
}

/// `POST /revoke-sessions`: all, the caller's among them.
pub async fn revoke_all(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, AuthError> {
    fields.check()?;
    let current = Current::require(&app, &headers, Level::Live).await?;
    current.revoke_all(&app, client, "").await?;
    Ok(signed_out(&app, json!({ "status": true })))
}

/// `POST /revoke-other-sessions`.
pub async fn revoke_others(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Json<Value>, AuthError> {
    fields.check()?;
    let current = Current::require(&app, &headers, Level::Live).await?;
    current.revoke_all(&app, client, &current.session.id).await?;
    Ok(Json(json!({ "status": true })))
}

/// `POST /update-session`: sessions have no further fields.
pub async fn update(
    State(app): State<App>,
    headers: HeaderMap,
    fields: Fields,
) -> Result<Response, AuthError> {
    fields.check()?;
    Current::require(&app, &headers, Level::Live).await?;
    Err(AuthError::message_only("No fields to update"))
}

/// An answer after which the browser holds no session.
pub fn signed_out(app: &App, body: Value) -> Response {
    let mut response = Json(body).into_response();
    app.cookies.expire_session(response.headers_mut());
    response
}
