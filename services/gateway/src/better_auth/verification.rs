use api::identity::verify_email_response::Outcome;
use api::identity::{RequestEmailVerificationRequest, VerifyEmailRequest};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::current::Current;
use super::error::AuthError;
use super::input::{Fields, Query};
use super::{output, redirect};
use crate::caller::RequestClient;
use crate::state::App;

/// `POST /send-verification-email`. Without a session it answers the same for every address.
pub async fn send(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    mut fields: Fields,
) -> Result<Json<Value>, AuthError> {
    let email = fields.email("email");
    let callback_url = fields.filled("callbackURL").unwrap_or_else(|| "/".to_owned());
    fields.check()?;
    if let Some(current) = Current::find(&app, &headers).await? {
        if current.user.email != email.to_lowercase() {
            return Err(AuthError::bad_request("EMAIL_MISMATCH", "Email mismatch"));
        }
        if current.user.email_verified {
            return Err(AuthError::bad_request("EMAIL_ALREADY_VERIFIED", "Email is already verified"));
        }
    }
    let request = RequestEmailVerificationRequest { email, callback_url, client: Some(client) };
    app.identity().request_email_verification(request).await?;
    Ok(Json(json!({ "status": true })))
}

/// `GET /verify-email`, the link of sign-up and of both steps of an e-mail change. Opening it twice,
/// or by a mail scanner first, is fine.
pub async fn verify(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    Query(mut query): Query,
) -> Result<Response, AuthError> {
    let token = query.string("token");
    let callback = query.filled("callbackURL");
    query.check()?;
    let callback_url = callback.clone().unwrap_or_else(|| "/".to_owned());
    let current = Current::find(&app, &headers).await?;
    let session_user_id = current.map(|current| current.user.id).unwrap_or_default();
    let request = VerifyEmailRequest { token, callback_url, session_user_id, client: Some(client) };
    let outcome = app.identity().verify_email(request).await.map_err(AuthError::from);
    if let Ok(answer) = &outcome
        && let Some(user) = &answer.get_ref().user
    {
        app.revocation.touch(user.id.clone());
    }
    match (outcome, callback) {
        (Ok(_), Some(callback)) => Ok(redirect::to(&callback)),
        (Ok(answer), None) => {
            let answer = answer.into_inner();
            let body = match answer.outcome() {
                Outcome::Verified => json!({ "status": true, "user": null }),
                Outcome::ChangeConfirmed => json!({ "status": true }),
                Outcome::EmailChanged => {
                    json!({ "status": true, "user": answer.user.as_ref().map(output::user) })
                }
            };
            Ok(Json(body).into_response())
        }
        (Err(error), Some(callback)) => {
            Ok(redirect::to(&redirect::with_params(&callback, &[("error", error.reason())])))
        }
        (Err(error), None) => Err(error),
    }
}
