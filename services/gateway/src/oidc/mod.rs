//! The HTTP side of the OpenID provider. The endpoints of the protocol stand beside Better-Auth's
//! routes, with other rules: forms in place of JSON, no cookies but at the two that people visit,
//! pages of all origins may call. What our own pages ask is part of [`crate::better_auth`].

mod authorize;
mod calls;
mod clients;
mod discovery;
mod end_session;
mod error;
mod form_post;
mod inspect;
mod pages;
mod signed_query;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

pub use calls::IntrospectionClients;
pub use clients::RegistrationPolicy;
pub use pages::after_sign_in;
pub use signed_query::QuerySigner;

use crate::better_auth;
use crate::state::App;

/// The protocol's endpoints, by their whole paths.
pub fn protocol() -> Router<App> {
    let open = Router::new()
        .route("/.well-known/openid-configuration", get(discovery::show))
        // RFC 8414, section 3.1: the path of the issuer comes behind.
        .route("/.well-known/openid-configuration/api/auth", get(discovery::show))
        .route("/.well-known/oauth-authorization-server/api/auth", get(discovery::show))
        .route("/api/auth/.well-known/openid-configuration", get(discovery::show))
        .route("/api/auth/.well-known/oauth-authorization-server", get(discovery::show))
        .route("/api/auth/jwks", get(better_auth::jwks))
        .route("/api/auth/oauth2/token", post(calls::token))
        .route("/api/auth/oauth2/par", post(calls::push))
        .route("/api/auth/oauth2/device_authorization", post(calls::start_device))
        .route("/api/auth/oauth2/revoke", post(calls::revoke))
        .route("/api/auth/oauth2/introspect", post(calls::introspect))
        .route("/api/auth/oauth2/userinfo", get(inspect::userinfo).post(inspect::userinfo))
        .route("/api/auth/oauth2/register", post(clients::register))
        .route_layer(from_fn(for_all_origins));
    Router::new()
        .route("/api/auth/oauth2/authorize", get(authorize::show).post(authorize::show))
        .route("/api/auth/oauth2/end-session", get(end_session::show).post(end_session::show))
        .route_layer(from_fn(no_prefetch))
        .merge(open)
        .method_not_allowed_fallback(|| async { StatusCode::METHOD_NOT_ALLOWED })
}

/// What our pages and administrators ask, below `/api/auth`.
pub fn page_routes() -> Router<App> {
    Router::new()
        .route("/oauth2/public-client-prelogin", post(pages::prelogin))
        .route("/oauth2/consent-request", get(pages::consent_request))
        .route("/oauth2/consent", post(pages::consent))
        .route("/oauth2/continue", post(pages::go_on))
        .route("/oauth2/device", get(pages::show_device).post(pages::decide_device))
        .route("/oauth2/end-session/confirm", post(end_session::confirm))
        .route("/oauth2/get-consents", get(pages::list_consents))
        .route("/oauth2/delete-consent", post(pages::withdraw_consent))
        .route("/admin/oauth2/list-clients", get(clients::list))
        .route("/admin/oauth2/get-client", get(clients::show))
        .route("/admin/oauth2/create-client", post(clients::create))
        .route("/admin/oauth2/update-client", post(clients::update))
        .route("/admin/oauth2/delete-client", post(clients::delete))
        .route("/admin/oauth2/rotate-secret", post(clients::rotate_secret))
}

/// Applications in browsers call from wherever they are (Fetch, section 3.2): without cookies, so
/// that nothing is given to a page but what it has itself.
async fn for_all_origins(request: Request, next: Next) -> Response {
    let preflight = request.method() == Method::OPTIONS;
    let mut response =
        if preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    set(header::ACCESS_CONTROL_EXPOSE_HEADERS, "www-authenticate");
    if preflight {
        set(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST");
        set(header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, dpop");
        set(header::ACCESS_CONTROL_MAX_AGE, "600");
    }
    response
}

/// A page that a browser loads before anybody asked for it must use nothing up, nor must a HEAD.
async fn no_prefetch(request: Request, next: Next) -> Response {
    if request.method() == Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    if request.method() == Method::GET && better_auth::is_prefetch(request.headers()) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    next.run(request).await
}

/// The answer to a script that called where a person should have come.
fn is_script(headers: &HeaderMap) -> bool {
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|found| found == value);
    is("sec-fetch-mode", "cors") || is("accept", "application/json")
}

/// Leads on: a browser by `Location`, a script by its body.
fn lead(headers: &HeaderMap, target: &str) -> Response {
    let mut response =
        if is_script(headers) { lead_script(target) } else { better_auth::redirect::to(target) };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn lead_script(target: &str) -> Response {
    axum::Json(json!({ "redirect": true, "url": target })).into_response()
}

fn parse_json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}
