use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kernel::{Error, ErrorCode};
use serde_json::{Map, Value, json};

use crate::error::{from_peer, http_status, with_retry_after};

/// An error in Better-Auth's shape: `{"message", "code", …}`, a message alone, or no body at all.
#[derive(Debug)]
pub enum AuthError {
    Typed(Error),
    /// The contract has no code for it.
    Message(StatusCode, Cow<'static, str>),
    Empty(StatusCode),
}

/// What the contract says otherwise than the code of an error does.
enum Exception {
    Status(StatusCode),
    /// Of this status, with this message and no code.
    MessageOnly(StatusCode, &'static str),
    Empty(StatusCode),
}

/// The one table of them.
fn exception(error: &Error) -> Option<Exception> {
    Some(match &*error.reason {
        // At the routes of administrators it is 400, as any bad argument.
        "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL" if error.code == ErrorCode::AlreadyExists => {
            Exception::Status(StatusCode::UNPROCESSABLE_ENTITY)
        }
        "LAST_ADMIN" => Exception::Status(StatusCode::BAD_REQUEST),
        "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED" => Exception::Status(StatusCode::METHOD_NOT_ALLOWED),
        "EMAIL_IS_THE_SAME" => Exception::MessageOnly(StatusCode::BAD_REQUEST, "Email is the same"),
        "TOO_MANY_REQUESTS" => Exception::MessageOnly(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many requests. Please try again later.",
        ),
        "INTERNAL" => Exception::Empty(StatusCode::INTERNAL_SERVER_ERROR),
        _ => return None,
    })
}

impl From<Error> for AuthError {
    fn from(error: Error) -> Self {
        Self::Typed(error)
    }
}

impl From<tonic::Status> for AuthError {
    fn from(status: tonic::Status) -> Self {
        Self::Typed(from_peer(&status))
    }
}

impl AuthError {
    pub fn new(code: ErrorCode, reason: &'static str, message: &'static str) -> Self {
        Self::Typed(Error::new(code, reason, message))
    }

    pub fn bad_request(reason: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::Typed(Error::invalid(reason, message))
    }

    pub fn denied(reason: &'static str, message: &'static str) -> Self {
        Self::Typed(Error::denied(reason, message))
    }

    pub fn unauthorized() -> Self {
        Self::new(ErrorCode::Unauthenticated, "UNAUTHORIZED", "Unauthorized")
    }

    /// 400 with a message and no code.
    pub fn message_only(message: impl Into<Cow<'static, str>>) -> Self {
        Self::Message(StatusCode::BAD_REQUEST, message.into())
    }

    /// Empty for an error that has none.
    pub fn reason(&self) -> &str {
        match self {
            Self::Typed(error) => &error.reason,
            Self::Message(..) | Self::Empty(_) => "",
        }
    }

    /// Something that the contract has a code for, not a part that is away or a defect.
    pub fn is_of_contract(&self) -> bool {
        matches!(self, Self::Typed(error) if matches!(error.code, ErrorCode::InvalidArgument
            | ErrorCode::Unauthenticated | ErrorCode::PermissionDenied))
    }

    #[cfg(test)]
    pub fn message(&self) -> &str {
        match self {
            Self::Typed(error) => &error.message,
            Self::Message(_, message) => message,
            Self::Empty(_) => "",
        }
    }

    /// The endpoints for accounts' tokens and for administrators answer a missing session without
    /// a body.
    pub fn without_body_if_unauthorized(self) -> Self {
        if self.reason() == "UNAUTHORIZED" { Self::Empty(StatusCode::UNAUTHORIZED) } else { self }
    }
}

impl IntoResponse for AuthError {
    fn into_response(self) -> Response {
        match self {
            Self::Empty(status) => status.into_response(),
            Self::Message(status, message) => message_only(status, &message),
            Self::Typed(error) => {
                let response = match exception(&error) {
                    Some(Exception::MessageOnly(status, message)) => message_only(status, message),
                    Some(Exception::Empty(status)) => status.into_response(),
                    Some(Exception::Status(status)) => typed(status, &error),
                    None => typed(http_status(&error), &error),
                };
                with_x_retry_after(with_retry_after(response, &error))
            }
        }
    }
}

fn message_only(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

fn typed(status: StatusCode, error: &Error) -> Response {
    let mut body = Map::new();
    body.insert("message".into(), json!(error.message));
    body.insert("code".into(), json!(error.reason));
    for (key, value) in &error.metadata {
        let value = match key.as_str() {
            "missing" => json!(value.split(',').collect::<Vec<_>>()),
            _ => value.parse::<u64>().map_or_else(|_| json!(value), |number| json!(number)),
        };
        body.entry(camel_case(key)).or_insert(value);
    }
    (status, Json(Value::Object(body))).into_response()
}

fn camel_case(name: &str) -> String {
    let mut upper = false;
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if c == '_' {
            upper = true;
        } else {
            out.push(if upper { c.to_ascii_uppercase() } else { c });
            upper = false;
        }
    }
    out
}

/// Better-Auth's own name for `Retry-After`, which its clients read.
fn with_x_retry_after(mut response: Response) -> Response {
    if response.status() == StatusCode::TOO_MANY_REQUESTS
        && let Some(seconds) = response.headers().get(header::RETRY_AFTER).cloned()
    {
        response.headers_mut().insert(HeaderName::from_static("x-retry-after"), seconds);
    }
    response
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http_body_util::BodyExt;
    use kernel::ErrorCode::{
        AlreadyExists, FailedPrecondition, Internal, InvalidArgument, NotFound, PermissionDenied,
        ResourceExhausted, Unauthenticated, Unavailable,
    };

    use super::*;

    async fn answer(error: impl Into<AuthError>) -> (u16, Value, Option<String>, Option<String>) {
        let response = error.into().into_response();
        let header = |name: &str| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let (status, wait, x_wait) =
            (response.status().as_u16(), header("retry-after"), header("x-retry-after"));
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default(), wait, x_wait)
    }

    #[tokio::test]
    async fn errors_have_the_status_and_the_body_of_the_contract() {
        let new = |code, reason| Error::new(code, reason, "why");
        for (code, reason, status) in [
            (InvalidArgument, "INVALID_PASSWORD", 400),
            (InvalidArgument, "CREDENTIAL_ACCOUNT_NOT_FOUND", 400),
            (InvalidArgument, "ACCOUNT_NOT_FOUND", 400),
            (InvalidArgument, "FAILED_TO_UNLINK_LAST_ACCOUNT", 400),
            (InvalidArgument, "INVALID_TOKEN", 400),
            (Unauthenticated, "INVALID_TOKEN", 401),
            (NotFound, "INVALID_TOKEN", 404),
            (Unauthenticated, "INVALID_EMAIL_OR_PASSWORD", 401),
            (PermissionDenied, "BANNED_USER", 403),
            (FailedPrecondition, "LAST_ADMIN", 400),
            (AlreadyExists, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL", 422),
            (InvalidArgument, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL", 400),
            (AlreadyExists, "SOCIAL_ACCOUNT_ALREADY_LINKED", 409),
            (NotFound, "PROVIDER_NOT_FOUND", 404),
            (ResourceExhausted, "SIGN_IN_BUSY", 429),
            (Unavailable, "HASH_QUEUE_FULL", 503),
            (Unavailable, "SERVICE_UNAVAILABLE", 503),
        ] {
            let (answered, body, ..) = answer(new(code, reason)).await;
            assert_eq!((answered, body), (status, json!({ "message": "why", "code": reason })), "{reason}");
        }
        let same = answer(new(InvalidArgument, "EMAIL_IS_THE_SAME")).await;
        assert_eq!((same.0, same.1), (400, json!({ "message": "Email is the same" })));
        let defect = answer(new(Internal, "INTERNAL")).await;
        assert_eq!((defect.0, defect.1), (500, Value::Null));
    }

    #[tokio::test]
    async fn a_lock_says_how_long_in_the_body_and_in_both_headers() {
        let locked = Error::new(ResourceExhausted, "ACCOUNT_LOCKED", "Locked")
            .with("locked_until", "2026-01-05T09:30:00.000Z")
            .with("retry_after", "1800")
            .retry_after(Duration::from_mins(30));
        let body = json!({
            "message": "Locked", "code": "ACCOUNT_LOCKED",
            "lockedUntil": "2026-01-05T09:30:00.000Z", "retryAfter": 1800,
        });
        let seconds = Some("1800".to_owned());
        assert_eq!(answer(locked).await, (429, body, seconds.clone(), seconds));
    }

    #[tokio::test]
    async fn too_many_requests_have_a_message_and_no_code() {
        let limited =
            Error::new(ResourceExhausted, "TOO_MANY_REQUESTS", "x").retry_after(Duration::from_millis(1500));
        let body = json!({ "message": "Too many requests. Please try again later." });
        assert_eq!(answer(limited).await, (429, body, Some("2".to_owned()), Some("2".to_owned())));
    }

    #[tokio::test]
    async fn what_a_password_lacks_is_a_list() {
        let weak = Error::invalid("PASSWORD_TOO_WEAK", "x").with("missing", "length,digit");
        assert_eq!(answer(weak).await.1["missing"], json!(["length", "digit"]));
    }
}
