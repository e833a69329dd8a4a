//! `/admin/*`, what administrators do to users (the contract's section 8). The schema is judged
//! first (400), then the session (401 without a body), then who asks (403), then what is asked.

mod data;
mod impersonation;
mod list;
mod permission;
mod roles;
mod sessions;
mod users;

pub use impersonation::sign_out_administrator;

use api::common::Client;
use api::identity::{Actor, AdminUserResponse, User};
use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use kernel::{Error, Role};
use tonic::{Response, Status};

use super::current::{Current, Level};
use super::error::AuthError;
use crate::caller::RequestClient;
use crate::state::App;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/admin/list-users", get(list::list))
        .route("/admin/get-user", get(users::show))
        .route("/admin/create-user", post(users::create))
        .route("/admin/update-user", post(users::update))
        .route("/admin/set-role", post(users::set_role))
        .route("/admin/ban-user", post(users::ban))
        .route("/admin/unban-user", post(users::unban))
        .route("/admin/set-user-password", post(users::set_password))
        .route("/admin/remove-user", post(users::remove))
        .route("/admin/list-user-sessions", post(sessions::list))
        .route("/admin/revoke-user-session", post(sessions::revoke))
        .route("/admin/revoke-user-sessions", post(sessions::revoke_all))
        .route("/admin/impersonate-user", post(impersonation::start))
        .route("/admin/stop-impersonating", post(impersonation::stop))
        .route("/admin/has-permission", post(permission::check))
}

/// Reason and message with which a route turns away who is no administrator.
pub type Refusal = (&'static str, &'static str);

/// Who asks, not yet looked at.
#[derive(Debug)]
pub struct Asked {
    app: App,
    headers: HeaderMap,
    client: Client,
}

impl FromRequestParts<App> for Asked {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let RequestClient(client) = RequestClient::from_request_parts(parts, app).await?;
        Ok(Self { app: app.clone(), headers: parts.headers.clone(), client })
    }
}

impl Asked {
    async fn session(&self) -> Result<Current, AuthError> {
        let current = Current::require(&self.app, &self.headers, Level::Live).await;
        current.map_err(AuthError::without_body_if_unauthorized)
    }

    /// 401 without a session, else what the route turns others away with.
    pub async fn administrator(self, refusal: Refusal) -> Result<Administrator, AuthError> {
        let current = self.session().await?;
        if !is_administrator(&current) {
            return Err(AuthError::denied(refusal.0, refusal.1));
        }
        Ok(Administrator { app: self.app, client: self.client, current, refusal })
    }
}

/// Nobody is one while acting as somebody else.
fn is_administrator(current: &Current) -> bool {
    current.user.role().to_kernel() == Role::Admin && current.session.impersonated_by.is_empty()
}

/// Who asks is one, in a live session of their own.
#[derive(Debug)]
pub struct Administrator {
    pub app: App,
    pub client: Client,
    pub current: Current,
    refusal: Refusal,
}

impl Administrator {
    /// Identity looks the role up again.
    fn actor(&self) -> Actor {
        Actor { user_id: self.current.user.id.clone(), client: Some(self.client.clone()) }
    }

    fn is(&self, user_id: &str) -> bool {
        self.current.user.id == user_id
    }

    /// The refusal of a service in the words of the contract.
    fn refused(&self, status: Status) -> AuthError {
        let error = AuthError::from(status);
        match error.reason() {
            // The role or the session has gone since it was looked at.
            "FORBIDDEN" => AuthError::denied(self.refusal.0, self.refusal.1),
            "SESSION_NOT_FOUND" => AuthError::Empty(StatusCode::UNAUTHORIZED),
            "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL" => AuthError::bad_request(
                "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
                "User already exists. Use another email.",
            ),
            _ => error,
        }
    }

    /// The user of an answer.
    fn user(&self, answer: Result<Response<AdminUserResponse>, Status>) -> Result<User, AuthError> {
        let answer = answer.map_err(|status| self.refused(status))?.into_inner();
        let user = answer.user.ok_or_else(Error::internal)?;
        self.app.revocation.touch(user.id.clone());
        Ok(user)
    }
}
