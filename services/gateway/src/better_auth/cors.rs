use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::cookies::expose;
use crate::state::App;

/// Lets pages of trusted origins call with cookies (Fetch, section 3.2). To all others an OPTIONS
/// is an unknown path, and answers cannot be read.
pub async fn layer(State(app): State<App>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let trusted = origin.filter(|origin| origin.to_str().is_ok_and(|text| app.origins.contains(text)));
    let preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response =
        if preflight && trusted.is_some() { allowed_methods() } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = trusted {
        allow(headers, origin);
    }
    response
}

fn allowed_methods() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type, authorization"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    // For clients that keep no cookies.
    headers.remove(header::ACCESS_CONTROL_EXPOSE_HEADERS);
    for name in ["set-auth-jwt", "set-auth-token", "retry-after", "x-retry-after", "x-trace-id"] {
        expose(headers, name);
    }
}
