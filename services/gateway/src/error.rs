use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kernel::{Error, ErrorCode, Retry};
use serde_json::{Map, Value, json};

/// An error as `application/problem+json` (RFC 9457).
#[derive(Debug)]
pub struct Problem(Error);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<tonic::Status> for Problem {
    fn from(status: tonic::Status) -> Self {
        Self(from_peer(&status))
    }
}

/// The error a peer reported; defects are logged here, at the edge, once.
pub fn from_peer(status: &tonic::Status) -> Error {
    let error = api::from_status(status);
    if error.code == ErrorCode::Internal {
        tracing::error!(code = ?status.code(), message = status.message(), "a peer failed");
    }
    error
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let slug = error.reason.to_ascii_lowercase().replace('_', "-");
        let status = http_status(&error);
        let mut body = Map::new();
        body.insert("type".into(), json!(format!("/errors/{slug}")));
        body.insert("title".into(), json!(status.canonical_reason().unwrap_or("Error")));
        body.insert("status".into(), json!(status.as_u16()));
        body.insert("detail".into(), json!(error.message));
        body.insert("reason".into(), json!(error.reason));
        body.insert("trace_id".into(), json!(runtime::trace_id()));
        add_metadata(&mut body, &error);
        let mut response = (status, Json(Value::Object(body))).into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        with_retry_after(response, &error)
    }
}

pub fn http_status(error: &Error) -> StatusCode {
    match &*error.reason {
        // HTTP has words of its own for these.
        "METHOD_NOT_ALLOWED" => return StatusCode::METHOD_NOT_ALLOWED,
        "BODY_TOO_LARGE" => return StatusCode::PAYLOAD_TOO_LARGE,
        "UNSUPPORTED_MEDIA_TYPE" => return StatusCode::UNSUPPORTED_MEDIA_TYPE,
        _ => {}
    }
    StatusCode::from_u16(error.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Typed extras become members of the body; whole numbers become JSON numbers.
pub fn add_metadata(body: &mut Map<String, Value>, error: &Error) {
    for (key, value) in &error.metadata {
        let value = value.parse::<u64>().map_or_else(|_| json!(value), |number| json!(number));
        body.entry(key.clone()).or_insert(value);
    }
}

/// `Retry-After` in seconds, rounded up (RFC 9110, section 10.2.3).
pub fn with_retry_after(mut response: Response, error: &Error) -> Response {
    if let Retry::After(wait) = error.retry {
        let seconds = wait.saturating_add(Duration::from_millis(999)).as_secs();
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
