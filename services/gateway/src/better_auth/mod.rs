//! `/api/auth/*`: the wire contract of Better-Auth 1.7, so that its official client works
//! unchanged. Pipeline: route, body, origin and redirect targets ([`admission`]), schema
//! ([`input`]), session ([`current`]), handler.

mod accounts;
mod admin;
mod admission;
mod cookies;
mod cors;
mod credentials;
mod current;
mod deletion;
mod error;
mod error_page;
mod input;
mod json;
mod output;
mod password;
mod profile;
pub mod redirect;
mod sessions;
mod social;
mod tokens;
mod verification;

#[cfg(test)]
mod tests;

pub use admin::{Administrator, Asked};
pub use admission::is_prefetch;
pub use cookies::CookieJar;
pub use current::{Current, Level};
pub use error::AuthError;
pub use error_page::escape;
pub use input::{Fields, Query};
pub use tokens::jwks;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::oidc;
use crate::state::App;

pub fn router(app: &App) -> Router<App> {
    // An unknown path, a wrong method and a trailing slash are all 404 with an empty body.
    Router::new()
        .merge(session_routes())
        .merge(profile_routes())
        .merge(social_routes())
        .merge(admin::routes())
        .merge(oidc::page_routes())
        .route("/ok", get(|| async { axum::Json(serde_json::json!({ "ok": true })) }))
        .route("/error", get(error_page::show))
        .route_layer(from_fn_with_state(app.clone(), admission::admit))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .method_not_allowed_fallback(|| async { StatusCode::NOT_FOUND })
        .layer(from_fn_with_state(app.clone(), cors::layer))
}

fn session_routes() -> Router<App> {
    Router::new()
        .route("/sign-up/email", post(credentials::sign_up))
        .route("/sign-in/email", post(credentials::sign_in))
        .route("/sign-out", post(sessions::sign_out))
        .route("/get-session", get(sessions::get_session).post(sessions::post_get_session))
        .route("/list-sessions", get(sessions::list))
        .route("/revoke-session", post(sessions::revoke))
        .route("/revoke-sessions", post(sessions::revoke_all))
        .route("/revoke-other-sessions", post(sessions::revoke_others))
        .route("/update-session", post(sessions::update))
        .route("/token", get(tokens::token))
}

fn profile_routes() -> Router<App> {
    Router::new()
        .route("/request-password-reset", post(password::request_reset))
        // Its name in 1.3.
        .route("/forget-password", post(password::request_reset))
        .route("/reset-password/{token}", get(password::open_reset))
        .route("/reset-password", post(password::reset))
        .route("/verify-password", post(password::verify))
        .route("/change-password", post(password::change))
        .route("/send-verification-email", post(verification::send))
        .route("/verify-email", get(verification::verify))
        .route("/change-email", post(profile::change_email))
        .route("/update-user", post(profile::update_user))
        .route("/delete-user", post(deletion::delete))
        .route("/delete-user/callback", get(deletion::confirm))
}

fn social_routes() -> Router<App> {
    let callback = get(social::callback).post(social::post_callback);
    Router::new()
        .route("/sign-in/social", post(social::sign_in))
        .route("/link-social", post(social::link))
        .route("/callback/{provider}", callback.clone())
        .route("/list-accounts", get(accounts::list))
        .route("/unlink-account", post(accounts::unlink))
        .route("/get-access-token", post(accounts::access_token))
        .route("/refresh-token", post(accounts::refresh_token))
        .route("/account-info", get(accounts::info))
        // Their names up to 1.6.
        .route("/sign-in/oauth2", post(social::sign_in))
        .route("/oauth2/link", post(social::link))
        .route("/oauth2/callback/{provider}", callback)
}
