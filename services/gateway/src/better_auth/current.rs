use api::common::Client;
use api::identity::{EndOwnSessionsRequest, User};
use api::session::{GetSessionRequest, RevokeSessionsRequest, Session};
use axum::http::HeaderMap;
use chrono::TimeDelta;
use kernel::Error;

use super::error::AuthError;
use crate::state::App;

/// A session this young proves that its user has just signed in.
const FRESH: TimeDelta = TimeDelta::days(1);

/// What an endpoint asks of a session. None is answered from a cache: what the contract calls
/// *sensitive* is true of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Live,
    /// Not one in which an administrator acts as the user.
    Own,
    /// Started within a day.
    Fresh,
    FreshOwn,
}

/// The session in which a request is made.
#[derive(Debug)]
pub struct Current {
    pub token: String,
    pub session: Session,
    pub user: User,
}

impl Current {
    /// The session of a request, if it has a live one.
    pub async fn find(app: &App, headers: &HeaderMap) -> Result<Option<Self>, AuthError> {
        let Some(token) = app.cookies.session_token_or_bearer(headers) else { return Ok(None) };
        let request = GetSessionRequest { token: token.clone(), disable_refresh: true };
        let answer = match app.sessions().get_session(request).await {
            Ok(answer) => answer.into_inner(),
            Err(status) if status.code() == tonic::Code::NotFound => return Ok(None),
            Err(status) => return Err(status.into()),
        };
        let session = answer.session.ok_or_else(Error::internal)?;
        let user = answer.user.ok_or_else(Error::internal)?;
        // Whatever is done in this request, the next one here sees it.
        app.revocation.touch(user.id.clone());
        Ok(Some(Self { token, session, user }))
    }

    /// 401 without a live session, 403 with one that does not do.
    pub async fn require(app: &App, headers: &HeaderMap, level: Level) -> Result<Self, AuthError> {
        let current = Self::find(app, headers).await?.ok_or_else(AuthError::unauthorized)?;
        if matches!(level, Level::Own | Level::FreshOwn) && !current.session.impersonated_by.is_empty() {
            return Err(AuthError::denied(
                "NOT_WHILE_IMPERSONATING",
                "An administrator who acts as a user may not do this.",
            ));
        }
        if matches!(level, Level::Fresh | Level::FreshOwn) && !current.is_fresh(app)? {
            return Err(AuthError::denied("SESSION_NOT_FRESH", "Session is not fresh"));
        }
        Ok(current)
    }

    fn is_fresh(&self, app: &App) -> Result<bool, AuthError> {
        let started = api::time(self.session.created_at.as_ref()).map_err(|_| Error::internal())?;
        Ok(app.clock.now() - started < FRESH)
    }

    /// Ends all sessions of the user but `except`, and what is pending with them.
    pub async fn revoke_all(&self, app: &App, client: Client, except: &str) -> Result<(), AuthError> {
        let request = EndOwnSessionsRequest {
            user_id: self.user.id.clone(),
            spared_session_id: except.to_owned(),
            actor: self.session.impersonated_by.clone(),
            client: Some(client.clone()),
        };
        app.identity().end_own_sessions(request).await?;
        self.revoke(app, client, "", except).await
    }

    /// Ends some sessions of the user: `session` by id or token, or all of them but `except`.
    pub async fn revoke(
        &self,
        app: &App,
        client: Client,
        session: &str,
        except: &str,
    ) -> Result<(), AuthError> {
        let request = RevokeSessionsRequest {
            user_id: self.user.id.clone(),
            session: session.to_owned(),
            except_session_id: except.to_owned(),
            reason: String::new(),
            actor: self.session.impersonated_by.clone(),
            client: Some(client),
        };
        app.sessions().revoke_sessions(request).await?;
        Ok(())
    }
}
