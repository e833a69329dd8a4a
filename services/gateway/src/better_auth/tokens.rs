use api::session::{GetJwksRequest, MintAccessTokenRequest};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::error::AuthError;
use crate::state::App;

/// `GET /token`: an RS256 access token of the session, for six hours.
pub async fn token(State(app): State<App>, headers: HeaderMap) -> Result<Response, AuthError> {
    let session_token = app.cookies.session_token_or_bearer(&headers).ok_or_else(AuthError::unauthorized)?;
    match app.sessions().mint_access_token(MintAccessTokenRequest { session_token }).await {
        Ok(minted) => Ok(Json(json!({ "token": minted.into_inner().access_token })).into_response()),
        Err(status) if status.code() == tonic::Code::NotFound => Err(AuthError::unauthorized()),
        Err(status) => Err(status.into()),
    }
}

/// `GET /jwks` (RFC 7517). Resource servers keep it for five minutes.
pub async fn jwks(State(app): State<App>) -> Result<Response, AuthError> {
    let jwks = app.sessions().get_jwks(GetJwksRequest {}).await?.into_inner().jwks_json;
    let headers =
        [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=300")];
    Ok((headers, jwks).into_response())
}

/// OpenID Connect Discovery 1.0, section 3: what is there now, and nothing that is not.
pub async fn discovery(State(app): State<App>) -> Json<Value> {
    let issuer = &app.issuer;
    Json(json!({
        "issuer": issuer,
        "jwks_uri": format!("{issuer}/jwks"),
        "id_token_signing_alg_values_supported": ["RS256"],
        "subject_types_supported": ["public"],
        "response_types_supported": [],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "sid", "name", "email", "email_verified", "role"],
    }))
}
