use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, get, post};
use runtime::Health;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;

use crate::state::App;
use crate::{better_auth, chatkit, dev_mail, middleware, oidc, rest, web_app};

/// Larger requests are refused before they are read: the largest honest one is a chat message
/// with a selection.
const MAX_BODY: usize = 256 * 1024;

/// How long a body may pause between two pieces.
const BODY_SILENCE: Duration = Duration::from_secs(10);

const CSP: &str = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; \
     font-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

pub fn router(app: App, health: Health) -> Router {
    let api = Router::new()
        .route("/courses", get(rest::courses::list))
        .route("/courses/{course}", get(rest::courses::show))
        .route("/courses/{course}/enrolment", post(rest::courses::enrol))
        .route("/courses/{course}/lessons/{lesson}", get(rest::lessons::show))
        .route("/courses/{course}/lessons/{lesson}/completion", post(rest::lessons::complete))
        .route("/sign-in-methods", get(rest::sign_in_methods::list))
        .route("/me/quota", get(rest::quota::show))
        .route("/admin/auth-events", get(rest::admin::auth_events))
        .route("/admin/ai-usage", get(rest::admin::ai_usage))
        .layer(from_fn_with_state(app.clone(), middleware::require_trusted_origin))
        .layer(no_store())
        .route("/courses/{course}/assets/{*path}", get(rest::assets::show))
        .fallback(rest::not_found)
        .method_not_allowed_fallback(rest::method_not_allowed)
        .layer(CompressionLayer::new());
    let chatkit = Router::new()
        .route("/api/v1/chatkit", post(chatkit::handle).fallback(chatkit::method_not_allowed))
        .layer(no_store());
    let pages = Router::new()
        .route("/dev/mail", get(dev_mail::list))
        .fallback(get(web_app::serve))
        .layer(CompressionLayer::new())
        .layer(set(header::CONTENT_SECURITY_POLICY, CSP));
    Router::new()
        .merge(runtime::health_router(health).with_state(()))
        .merge(oidc::protocol())
        // Beside the nested router, which begins below it.
        .route("/api/auth/", any(|| async { StatusCode::NOT_FOUND }))
        .nest("/api/auth", better_auth::router(&app).layer(no_store()))
        .merge(chatkit)
        .nest("/api/v1", api)
        .merge(pages)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(RequestBodyTimeoutLayer::new(BODY_SILENCE))
        .layer(set(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(set(header::REFERRER_POLICY, "same-origin"))
        .layer(set(header::X_FRAME_OPTIONS, "DENY"))
        .layer(CatchPanicLayer::custom(|_| {
            tracing::error!("a handler panicked");
            let mut response = axum::response::Response::new(axum::body::Body::empty());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }))
        .layer(from_fn(middleware::trace))
        .with_state(app)
}

fn no_store() -> SetResponseHeaderLayer<HeaderValue> {
    set(header::CACHE_CONTROL, "no-store")
}

fn set(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}
