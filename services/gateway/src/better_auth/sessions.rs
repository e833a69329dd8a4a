use api::session::{GetSessionRequest, RevokeSessionRequest};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use kernel::Error;
use serde::Deserialize;
use serde_json::json;

use super::error::AuthError;
use super::input::{Fields, accepted};
use super::output;
use crate::caller::RequestClient;
use crate::state::App;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionQuery {
    disable_refresh: Option<String>,
}

/// `GET /get-session`: `null` or `{session, user}`, always 200.
pub async fn get_session(
    State(app): State<App>,
    query: Result<Query<SessionQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, AuthError> {
    let query = accepted(query)?;
    let Some(token) = app.cookies.session_token_or_bearer(&headers) else {
        return Ok(Json(json!(null)).into_response());
    };
    let disable_refresh = query.disable_refresh.as_deref() == Some("true");
    let request = GetSessionRequest { token: token.clone(), disable_refresh };
    let answer = match app.sessions().get_session(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) if status.code() == tonic::Code::NotFound => {
            let mut response = Json(json!(null)).into_response();
            app.cookies.expire_session(response.headers_mut());
            return Ok(response);
        }
        Err(status) => return Err(status.into()),
    };
    let session = answer.session.ok_or_else(Error::internal)?;
    let user = answer.user.ok_or_else(Error::internal)?;
    let body = json!({ "session": output::session(&session, &token), "user": output::user(&user) });
    let mut response = Json(body).into_response();
    if answer.refreshed {
        app.cookies.set_session(response.headers_mut(), &token, session.remember);
    }
    Ok(response)
}

/// `POST /sign-out`: succeeds without a session, too.
pub async fn sign_out(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, AuthError> {
    Fields::parse(&headers, body, false, true)?;
    if let Some(token) = app.cookies.session_token_or_bearer(&headers) {
        app.sessions().revoke_session(RevokeSessionRequest { token, client: Some(client) }).await?;
    }
    let mut response = Json(json!({ "success": true })).into_response();
    app.cookies.expire_session(response.headers_mut());
    Ok(response)
}
