use api::common::Client;
use api::session::{CreateSessionRequest, GetSessionRequest, RevokeSessionRequest};
use axum::Json;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use kernel::Error;
use serde_json::json;

use super::super::error::AuthError;
use super::super::input::Fields;
use super::super::output;
use super::{Asked, Refusal};
use crate::state::App;

const IMPERSONATE: Refusal =
    ("YOU_ARE_NOT_ALLOWED_TO_IMPERSONATE_USERS", "You are not allowed to impersonate users");

/// `POST /admin/impersonate-user`: a session of an hour as the user. The administrator's own waits
/// in a cookie.
pub async fn start(asked: Asked, mut fields: Fields) -> Result<Response, AuthError> {
    let user_id = fields.coerced("userId");
    fields.check()?;
    let admin = asked.administrator(IMPERSONATE).await?;
    let request = CreateSessionRequest {
        user_id,
        client: Some(admin.client.clone()),
        remember: false,
        impersonator_session_id: admin.current.session.id.clone(),
        epoch: 0,
    };
    let created = admin.app.sessions().create_session(request).await;
    let created = created.map_err(|status| admin.refused(status))?.into_inner();
    let session = created.session.ok_or_else(Error::internal)?;
    let user = created.user.ok_or_else(Error::internal)?;
    let body = json!({ "session": output::session(&session, &created.token), "user": output::user(&user) });
    let mut response = Json(body).into_response();
    let (cookies, headers) = (&admin.app.cookies, response.headers_mut());
    cookies.set_admin_session(headers, &admin.current.token, admin.current.session.remember);
    cookies.set_session(headers, &created.token, false);
    Ok(response)
}

/// `POST /admin/stop-impersonating`: back to the administrator's own session.
pub async fn stop(asked: Asked, fields: Fields) -> Result<Response, AuthError> {
    fields.check()?;
    let current = asked.session().await?;
    let Asked { app, headers, client } = asked;
    if current.session.impersonated_by.is_empty() {
        return Err(AuthError::message_only("You are not impersonating anyone"));
    }
    let lost = || AuthError::message_only("Failed to find admin session");
    let token = app.cookies.admin_session(&headers).ok_or_else(lost)?;
    let request = GetSessionRequest { token: token.clone(), disable_refresh: true };
    let own = match app.sessions().get_session(request).await {
        Ok(own) => own.into_inner(),
        Err(status) if status.code() == tonic::Code::NotFound => return Err(lost()),
        Err(status) => return Err(status.into()),
    };
    let session = own.session.ok_or_else(Error::internal)?;
    let user = own.user.ok_or_else(Error::internal)?;
    if session.user_id != current.session.impersonated_by || !session.impersonated_by.is_empty() {
        return Err(lost());
    }
    let reason = "impersonation_ended".to_owned();
    let request = RevokeSessionRequest { token: current.token, client: Some(client), reason };
    app.sessions().revoke_session(request).await?;
    let body = json!({ "session": output::session(&session, &token), "user": output::user(&user) });
    let mut response = Json(body).into_response();
    app.cookies.set_session(response.headers_mut(), &token, session.remember);
    app.cookies.expire_admin_session(response.headers_mut());
    Ok(response)
}

/// Who signs out while acting as somebody leaves no session of their own behind in the browser.
pub async fn sign_out_administrator(
    app: &App,
    headers: &HeaderMap,
    client: Client,
    response: &mut Response,
) -> Result<(), AuthError> {
    if let Some(token) = app.cookies.admin_session(headers) {
        let request = RevokeSessionRequest { token, client: Some(client), reason: String::new() };
        app.sessions().revoke_session(request).await?;
        app.cookies.expire_admin_session(response.headers_mut());
    }
    Ok(())
}
