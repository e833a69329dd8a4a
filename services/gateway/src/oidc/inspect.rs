use api::session::UserInfoRequest;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::{Error, ErrorCode};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::calls::proofs;
use super::error::{OAuthProblem, no_store};
use super::parse_json;
use crate::body;
use crate::state::App;

/// `GET|POST /oauth2/userinfo` (OpenID Connect Core 1.0, section 5.3; RFC 6750, section 2): the token
/// comes in the header, or in a form; never in the address.
pub async fn userinfo(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    posted: Result<Bytes, BytesRejection>,
) -> Result<Response, OAuthProblem> {
    let (access_token, bound) = credentials(&method, &headers, posted)?;
    let scheme = if bound { "DPoP" } else { "Bearer" };
    let request = UserInfoRequest {
        access_token,
        bound,
        dpop_proofs: proofs(&headers),
        method: method.to_string(),
        url: format!("{}/oauth2/userinfo", app.issuer),
    };
    let answer = app.provider().user_info(request).await;
    let answer = answer.map_err(|status| OAuthProblem::from(status).challenging(scheme))?.into_inner();
    Ok(no_store(Json(parse_json(&answer.claims_json)).into_response()))
}

fn credentials(
    method: &Method,
    headers: &HeaderMap,
    posted: Result<Bytes, BytesRejection>,
) -> Result<(String, bool), OAuthProblem> {
    let missing = || {
        let error = Error::new(ErrorCode::Unauthenticated, "MISSING_TOKEN", "An access token is needed");
        OAuthProblem::from(error).challenging("Bearer")
    };
    let in_header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let in_form =
        if *method == Method::POST && body::media_type(headers) == "application/x-www-form-urlencoded" {
            let bytes = body::read(posted)?;
            form_urlencoded::parse(&bytes)
                .find(|(name, _)| name == "access_token")
                .map(|(_, value)| value.into_owned())
        } else {
            None
        };
    match (in_header, in_form) {
        (Some(_), Some(_)) => Err(OAuthProblem::request("The token is given twice").challenging("Bearer")),
        (None, Some(token)) => Ok((token, false)),
        (Some(value), None) => {
            let (scheme, token) = value.split_once(' ').ok_or_else(missing)?;
            match scheme.to_ascii_lowercase().as_str() {
                "bearer" => Ok((token.trim().to_owned(), false)),
                "dpop" => Ok((token.trim().to_owned(), true)),
                _ => Err(missing()),
            }
        }
        (None, None) => Err(missing()),
    }
}

/// What is known of an access token here, in memory; none where the session service must be asked.
pub async fn known_here(app: &App, token: &str) -> Option<Value> {
    let claims = app.verifier.believe(token).await.ok()?;
    // Where an administrator acts, their own session counts, too.
    if claims.act.is_some() || (claims.sid.is_empty() && claims.gid.is_none()) {
        return None;
    }
    let inactive = Some(json!({ "active": false }));
    let revoked = app.revocation.has_ended(&claims);
    if revoked || claims.exp <= app.clock.now().timestamp() {
        return inactive;
    }
    if !app.revocation.may_tell(&claims.sid, &claims.sub) {
        return None;
    }
    let payload = token.split('.').nth(1)?;
    let payload: Map<String, Value> = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    Some(Value::Object(auth::introspection(&payload)))
}
