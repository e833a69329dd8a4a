use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::error::AuthError;
use super::input::Fields;
use crate::state::App;

/// Signing in for the first time needs no cookie, so these are guarded without one, too.
const SIGN_IN: [&str; 2] = ["/sign-in/email", "/sign-up/email"];
/// Providers post forms to their callback.
const CALLBACKS: [&str; 2] = ["/callback/", "/oauth2/callback/"];
const BODY_OPTIONAL: [&str; 4] =
    ["/sign-out", "/revoke-sessions", "/revoke-other-sessions", "/admin/stop-impersonating"];

/// The members that name where the browser goes next, each with its label and its refusal.
const TARGETS: [(&str, &str, &str, &str); 4] = [
    ("callbackURL", "callbackURL", "INVALID_CALLBACK_URL", "Invalid callbackURL"),
    ("redirectTo", "redirectURL", "INVALID_REDIRECT_URL", "Invalid redirectURL"),
    ("errorCallbackURL", "errorCallbackURL", "INVALID_ERROR_CALLBACK_URL", "Invalid errorCallbackURL"),
    (
        "newUserCallbackURL",
        "newUserCallbackURL",
        "INVALID_NEW_USER_CALLBACK_URL",
        "Invalid newUserCallbackURL",
    ),
];

/// Stands before every route: number of calls (429), body (400, 415), origin (403), redirect targets
/// (403). The handler takes the body as [`Fields`].
pub async fn admit(State(app): State<App>, request: Request, next: Next) -> Response {
    let Some(call) = app.call_of(&request) else { return examine(&app, request, next).await };
    if let Err(error) = app.count(&call).await {
        return AuthError::from(error).into_response();
    }
    let response = examine(&app, request, next).await;
    app.settle(call, response.status()).await;
    response
}

async fn examine(app: &App, request: Request, next: Next) -> Response {
    let admitted = match *request.method() {
        // A HEAD would run the handler of GET, and mail scanners send it: no links are used up by it.
        Method::HEAD => Err(AuthError::Empty(StatusCode::NOT_FOUND)),
        Method::GET if is_prefetch(request.headers()) => {
            Err(AuthError::Empty(StatusCode::SERVICE_UNAVAILABLE))
        }
        Method::GET => check_target(app, None, &Fields::of_query(request.uri().query())).map(|()| request),
        _ => read(app, request).await,
    };
    match admitted {
        Ok(request) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

async fn read(app: &App, request: Request) -> Result<Request, AuthError> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let callback = CALLBACKS.iter().any(|prefix| path.starts_with(prefix));
    let form = callback || SIGN_IN.contains(&path);
    let optional = callback || BODY_OPTIONAL.contains(&path);
    // The limit of the body's size is among the extensions of the request.
    let bytes = Bytes::from_request(Request::from_parts(parts.clone(), body), app).await;
    let kept = bytes.as_ref().map(Bytes::clone).unwrap_or_default();
    let fields = Fields::parse(&parts.headers, bytes, form, optional)?;
    // The provider's own page posts its answer here; the state in it is what is trusted.
    if !callback {
        check_origin(app, path, &parts.headers)?;
        check_target(app, Some(&fields), &Fields::of_query(parts.uri.query()))?;
    }
    let mut request = Request::from_parts(parts, Body::from(kept));
    request.extensions_mut().insert(fields);
    Ok(request)
}

/// The browser loads a page that nobody has asked for yet.
pub fn is_prefetch(headers: &HeaderMap) -> bool {
    ["sec-purpose", "purpose", "x-moz"].into_iter().filter_map(|name| headers.get(name)).any(|value| {
        value.to_str().is_ok_and(|value| {
            let value = value.to_ascii_lowercase();
            value.contains("prefetch") || value.contains("prerender") || value.contains("preview")
        })
    })
}

/// Requests with cookies, and first sign-ins from a browser, must come from a trusted page (the
/// contract's section 6). Clients without cookies need no `Origin`.
fn check_origin(app: &App, path: &str, headers: &HeaderMap) -> Result<(), AuthError> {
    let has = |name: &str| headers.get(name).is_some_and(|value| !value.as_bytes().trim_ascii().is_empty());
    if !headers.contains_key(header::COOKIE) {
        if !SIGN_IN.contains(&path) {
            return Ok(());
        }
        let is = |name: &str, value: &str| headers.get(name).is_some_and(|found| found == value);
        if is("sec-fetch-site", "cross-site") && is("sec-fetch-mode", "navigate") {
            return Err(AuthError::denied(
                "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED",
                "Cross-site navigation login blocked. This request appears to be a CSRF attack.",
            ));
        }
        let from_a_browser = ["sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "origin", "referer"];
        if !from_a_browser.into_iter().any(has) {
            return Ok(());
        }
    }
    if app.origins.allows_headers(headers) {
        return Ok(());
    }
    let origin = headers.get(header::ORIGIN).filter(|value| !value.is_empty());
    Err(match origin {
        Some(origin) if origin != "null" => AuthError::denied("INVALID_ORIGIN", "Invalid origin"),
        None if has("referer") => AuthError::denied("INVALID_ORIGIN", "Invalid origin"),
        _ => AuthError::denied("MISSING_OR_NULL_ORIGIN", "Missing or null Origin"),
    })
}

/// Where the browser is to go next must be ours or trusted, whether the body says it or the query.
fn check_target(app: &App, body: Option<&Fields>, query: &Fields) -> Result<(), AuthError> {
    for (name, label, reason, message) in TARGETS {
        let of_body = body.and_then(|body| body.raw(name));
        let of_query = query.raw(name).filter(|_| name == "callbackURL");
        for value in of_body.into_iter().chain(of_query) {
            match value {
                Value::Null | Value::Bool(false) => {}
                Value::String(target) if target.is_empty() || app.origins.allows_redirect(target) => {}
                Value::String(_) => return Err(AuthError::denied(reason, message)),
                _ => return Err(AuthError::message_only(format!("Invalid {label}: expected a string"))),
            }
        }
    }
    Ok(())
}
