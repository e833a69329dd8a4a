use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use kernel::{Error, ErrorCode};
use serde_json::{Map, Value, json};

use crate::error::{from_peer, http_status, with_retry_after};

/// An error in Better-Auth's shape: `{"message", "code", …}`.
#[derive(Debug)]
pub struct AuthError(Error);

impl From<Error> for AuthError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<tonic::Status> for AuthError {
    fn from(status: tonic::Status) -> Self {
        Self(from_peer(&status))
    }
}

impl AuthError {
    pub fn new(code: ErrorCode, reason: &'static str, message: &'static str) -> Self {
        Self(Error::new(code, reason, message))
    }

    pub fn bad_request(reason: &'static str, message: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Self(Error::invalid(reason, message))
    }

    pub fn unauthorized() -> Self {
        Self::new(ErrorCode::Unauthenticated, "UNAUTHORIZED", "Unauthorized")
    }

    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    fn status(&self) -> StatusCode {
        match self.0.reason.as_ref() {
            "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL" => StatusCode::UNPROCESSABLE_ENTITY,
            _ => http_status(&self.0),
        }
    }
}

impl IntoResponse for AuthError {
    fn into_response(self) -> Response {
        let mut body = Map::new();
        body.insert("message".into(), json!(self.0.message));
        body.insert("code".into(), json!(self.0.reason));
        for (key, value) in &self.0.metadata {
            match key.as_str() {
                "missing" => body.insert("missing".into(), json!(value.split(',').collect::<Vec<_>>())),
                "locked_until" => body.insert("lockedUntil".into(), json!(value)),
                _ => body.insert(key.clone(), json!(value)),
            };
        }
        let response = (self.status(), Json(Value::Object(body))).into_response();
        with_retry_after(response, &self.0)
    }
}
