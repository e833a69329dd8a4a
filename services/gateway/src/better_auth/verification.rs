use api::identity::{RequestEmailVerificationRequest, VerifyEmailRequest};
use api::session::GetSessionRequest;
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::error::AuthError;
use super::input::{Fields, accepted, check_callback};
use crate::caller::RequestClient;
use crate::error::from_peer;
use crate::state::App;

/// `POST /send-verification-email`. Without a session it answers the same for every address.
pub async fn send(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, AuthError> {
    let mut fields = Fields::parse(&headers, body, false, false)?;
    let email = fields.string("email");
    let callback_url = fields.optional_string("callbackURL").unwrap_or_else(|| "/".to_owned());
    fields.check()?;
    check_callback(&app, Some(&callback_url))?;
    if let Some(token) = app.cookies.session_token_or_bearer(&headers) {
        let own = app.sessions().get_session(GetSessionRequest { token, disable_refresh: true }).await;
        let user = own.ok().and_then(|answer| answer.into_inner().user);
        if user.as_ref().is_some_and(|user| user.email != email.to_lowercase()) {
            return Err(AuthError::bad_request("EMAIL_MISMATCH", "Email mismatch"));
        }
        if user.is_some_and(|user| user.email_verified) {
            return Err(AuthError::bad_request("EMAIL_ALREADY_VERIFIED", "Email is already verified"));
        }
    }
    let request = RequestEmailVerificationRequest { email, callback_url, client: Some(client) };
    app.identity().request_email_verification(request).await?;
    Ok(Json(json!({ "status": true })).into_response())
}

#[derive(Debug, Deserialize)]
pub struct VerifyQuery {
    #[serde(default)]
    token: String,
    #[serde(rename = "callbackURL")]
    callback: Option<String>,
}

/// `GET /verify-email`, the mailed link. Opening it twice, or by a mail scanner first, is fine.
pub async fn verify(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    query: Result<Query<VerifyQuery>, QueryRejection>,
) -> Result<Response, AuthError> {
    let query = accepted(query)?;
    check_callback(&app, query.callback.as_deref())?;
    let request = VerifyEmailRequest { token: query.token, client: Some(client) };
    let outcome =
        app.identity().verify_email(request).await.map_err(|status| AuthError::from(from_peer(&status)));
    match (outcome, query.callback) {
        (Ok(_), Some(callback)) => Ok(redirect(&callback)),
        (Ok(_), None) => Ok(Json(json!({ "status": true, "user": null })).into_response()),
        (Err(error), Some(callback)) => Ok(redirect(&with_error(&callback, error.reason()))),
        (Err(error), None) => Err(error),
    }
}

fn redirect(target: &str) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, target), (header::REFERRER_POLICY, "no-referrer")])
        .into_response()
}

/// Adds `error=CODE` to the query, before a fragment.
fn with_error(target: &str, code: &str) -> String {
    let (page, fragment) =
        target.split_once('#').map_or((target, None), |(page, fragment)| (page, Some(fragment)));
    let mark = if page.contains('?') { '&' } else { '?' };
    let tail = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    format!("{page}{mark}error={code}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_goes_into_the_query_of_the_callback() {
        assert_eq!(with_error("/verified", "TOKEN_EXPIRED"), "/verified?error=TOKEN_EXPIRED");
        assert_eq!(with_error("/v?a=b#c", "INVALID_TOKEN"), "/v?a=b&error=INVALID_TOKEN#c");
    }
}
