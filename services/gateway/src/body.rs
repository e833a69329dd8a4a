use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use kernel::{Error, ErrorCode};

/// The whole body, or a typed error when it is too large or breaks off.
pub fn read(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Error> {
    body.map_err(|rejection| {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Error::new(
                ErrorCode::InvalidArgument,
                "BODY_TOO_LARGE",
                "The request body is larger than 256 KiB.",
            )
        } else {
            Error::invalid("BODY_UNREADABLE", "The request body broke off.")
        }
    })
}

/// The media type without parameters, lower case; empty when absent.
pub fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
