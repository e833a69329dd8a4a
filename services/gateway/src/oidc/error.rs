use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kernel::{Error, ErrorCode};
use serde_json::json;

use crate::error::{from_peer, http_status, with_retry_after};

/// A refusal as the protocol writes it (RFC 6749, section 5.2; RFC 6750, section 3): the reason in
/// small letters.
#[derive(Debug)]
pub struct OAuthProblem {
    error: Error,
    /// Scheme with which the caller had authenticated.
    scheme: Option<&'static str>,
}

impl From<Error> for OAuthProblem {
    fn from(error: Error) -> Self {
        Self { error, scheme: None }
    }
}

impl From<tonic::Status> for OAuthProblem {
    fn from(status: tonic::Status) -> Self {
        Self::from(from_peer(&status))
    }
}

impl OAuthProblem {
    pub fn request(message: &'static str) -> Self {
        Self::from(Error::invalid("INVALID_REQUEST", message))
    }

    pub fn challenging(self, scheme: &'static str) -> Self {
        Self { scheme: Some(scheme), ..self }
    }

    fn status(&self) -> StatusCode {
        match &*self.error.reason {
            "INVALID_CLIENT" | "INVALID_TOKEN" | "MISSING_TOKEN" => StatusCode::UNAUTHORIZED,
            // Of the token endpoint it is 400 (RFC 9449, section 5); of resources 401 (section 7.1).
            "INVALID_DPOP_PROOF" if self.scheme.is_some() => StatusCode::UNAUTHORIZED,
            "INSUFFICIENT_SCOPE" => StatusCode::FORBIDDEN,
            _ => http_status(&self.error),
        }
    }

    fn code(&self) -> String {
        match self.error.code {
            ErrorCode::Unavailable | ErrorCode::DeadlineExceeded => "temporarily_unavailable".to_owned(),
            ErrorCode::Internal => "server_error".to_owned(),
            _ => match &*self.error.reason {
                "MISSING_TOKEN" | "BODY_TOO_LARGE" | "BODY_UNREADABLE" | "UNSUPPORTED_MEDIA_TYPE" => {
                    "invalid_request".to_owned()
                }
                reason => reason.to_ascii_lowercase(),
            },
        }
    }

    fn challenge(&self, code: &str) -> Option<String> {
        let scheme = self.scheme?;
        Some(match (scheme, &*self.error.reason) {
            ("Basic", _) => "Basic realm=\"intellistack\"".to_owned(),
            // RFC 6750, section 3.1: without a token nothing is said of what is wrong with it.
            (_, "MISSING_TOKEN") => scheme.to_owned(),
            (_, "INSUFFICIENT_SCOPE") => format!("{scheme} error=\"{code}\", scope=\"openid\""),
            _ => format!("{scheme} error=\"{code}\""),
        })
    }
}

impl IntoResponse for OAuthProblem {
    fn into_response(self) -> Response {
        let (status, code) = (self.status(), self.code());
        let body = json!({ "error": code, "error_description": self.error.message });
        let mut response = no_store((status, Json(body)).into_response());
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
            && let Some(challenge) = self.challenge(&code)
            && let Ok(value) = HeaderValue::try_from(challenge)
        {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
        }
        with_retry_after(response, &self.error)
    }
}

/// RFC 6749, section 5.1.
pub fn no_store(mut response: Response) -> Response {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
