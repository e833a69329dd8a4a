//! `/api/auth/*`: the wire contract of Better-Auth 1.7, so that its official client works
//! unchanged. Pipeline: route, body, origin, schema, handler.

mod cookies;
mod credentials;
mod error;
mod input;
mod output;
mod sessions;
mod tokens;
mod verification;

pub use cookies::CookieJar;
pub use tokens::discovery;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::state::App;

pub fn router(app: &App) -> Router<App> {
    // An unknown path, a wrong method and a trailing slash are all 404 with an empty body.
    Router::new()
        .route("/sign-up/email", post(credentials::sign_up))
        .route("/sign-in/email", post(credentials::sign_in))
        .route("/sign-out", post(sessions::sign_out))
        .route("/get-session", get(sessions::get_session))
        .route("/send-verification-email", post(verification::send))
        .route("/verify-email", get(verification::verify))
        .route("/token", get(tokens::token))
        .route("/jwks", get(tokens::jwks))
        .route("/.well-known/openid-configuration", get(tokens::discovery))
        .route("/ok", get(|| async { axum::Json(serde_json::json!({ "ok": true })) }))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .method_not_allowed_fallback(|| async { StatusCode::NOT_FOUND })
        .layer(from_fn_with_state(app.clone(), input::require_trusted_origin))
}
