use api::identity::{
    ChangePasswordRequest, CheckResetTokenRequest, RequestPasswordResetRequest, ResetPasswordRequest,
    VerifyPasswordRequest,
};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use kernel::Error;
use serde_json::{Value, json};

use super::credentials::new_session;
use super::current::{Current, Level};
use super::error::AuthError;
use super::input::{Fields, Query};
use super::{output, redirect};
use crate::caller::RequestClient;
use crate::state::App;

/// `POST /request-password-reset`: the same answer for every address.
pub async fn request_reset(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    mut fields: Fields,
) -> Result<Json<Value>, AuthError> {
    let request = RequestPasswordResetRequest {
        email: fields.email("email"),
        redirect_to: fields.optional_string("redirectTo").unwrap_or_default(),
        client: Some(client),
    };
    fields.check()?;
    app.identity().request_password_reset(request).await?;
    Ok(Json(json!({
        "status": true,
        "message": "If this email exists in our system, check your email for the reset link",
    })))
}

/// `GET /reset-password/{token}`, the mailed link: leads to the page that asks for the password.
pub async fn open_reset(
    State(app): State<App>,
    token: Result<Path<String>, PathRejection>,
    Query(mut query): Query,
) -> Result<Response, AuthError> {
    let Path(token) = token.map_err(|_| AuthError::Empty(StatusCode::NOT_FOUND))?;
    let callback = query.string("callbackURL");
    query.check()?;
    if callback.is_empty() {
        return Ok(redirect::to_error(&app, "", "INVALID_TOKEN", ""));
    }
    let checked = app.identity().check_reset_token(CheckResetTokenRequest { token: token.clone() }).await;
    let (name, value) = match checked.map_err(AuthError::from) {
        Ok(_) => ("token", token.as_str()),
        Err(error) if error.reason() == "INVALID_TOKEN" => ("error", "INVALID_TOKEN"),
        Err(error) => return Err(error),
    };
    Ok(redirect::to(&redirect::absolute(&app, &callback, name, value)?))
}

/// `POST /reset-password`, with the token in the body or the query.
pub async fn reset(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    Query(mut query): Query,
    mut fields: Fields,
) -> Result<Response, AuthError> {
    let new_password = fields.string("newPassword");
    let token = fields.filled("token").or_else(|| query.filled("token"));
    fields.check()?;
    query.check()?;
    let token = token.ok_or_else(|| AuthError::bad_request("INVALID_TOKEN", "Invalid token"))?;
    let request = ResetPasswordRequest { token, new_password, client: Some(client) };
    let answer = app.identity().reset_password(request).await?.into_inner();
    if let Some(user) = answer.user {
        app.revocation.touch(user.id);
    }
    let mut response = Json(json!({ "status": true })).into_response();
    app.cookies.set_device(response.headers_mut(), &answer.device_token);
    Ok(response)
}

/// `POST /verify-password`. It counts as a guess.
pub async fn verify(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    mut fields: Fields,
) -> Result<Json<Value>, AuthError> {
    let password = fields.string("password");
    fields.check()?;
    let current = Current::require(&app, &headers, Level::Own).await?;
    let request = VerifyPasswordRequest {
        user_id: current.user.id,
        password,
        device_token: app.cookies.device(&headers),
        client: Some(client),
    };
    app.identity().verify_password(request).await?;
    Ok(Json(json!({ "status": true })))
}

/// `POST /change-password`. All other sessions end; with `revokeOtherSessions` this one is replaced,
/// too.
pub async fn change(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    mut fields: Fields,
) -> Result<Response, AuthError> {
    let current_password = fields.string("currentPassword");
    let new_password = fields.string("newPassword");
    let replace = fields.optional_bool("revokeOtherSessions", false);
    fields.check()?;
    let current = Current::require(&app, &headers, Level::Own).await?;
    let request = ChangePasswordRequest {
        user_id: current.user.id,
        current_password,
        new_password,
        spared_session_id: if replace { String::new() } else { current.session.id },
        device_token: app.cookies.device(&headers),
        client: Some(client.clone()),
    };
    let answer = app.identity().change_password(request).await?.into_inner();
    let user = answer.user.ok_or_else(Error::internal)?;
    let remember = current.session.remember;
    let token = if replace { Some(new_session(&app, &user, client, remember).await?) } else { None };
    let mut response = Json(json!({ "token": token, "user": output::user(&user) })).into_response();
    if let Some(token) = token {
        app.cookies.set_session(response.headers_mut(), &token, remember);
    }
    app.cookies.set_device(response.headers_mut(), &answer.device_token);
    Ok(response)
}
