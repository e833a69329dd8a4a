use api::identity::{EndSessionsRequest, GetUserRequest};
use api::session::{ListSessionsRequest, RevokeAnySessionRequest};
use axum::Json;
use serde_json::{Value, json};

use super::super::error::AuthError;
use super::super::input::Fields;
use super::super::output;
use super::{Asked, Refusal};

const LIST: Refusal =
    ("YOU_ARE_NOT_ALLOWED_TO_LIST_USERS_SESSIONS", "You are not allowed to list users sessions");
const REVOKE: Refusal =
    ("YOU_ARE_NOT_ALLOWED_TO_REVOKE_USERS_SESSIONS", "You are not allowed to revoke users sessions");

/// `POST /admin/list-user-sessions`. Each is named by a handle in place of its token.
pub async fn list(asked: Asked, mut fields: Fields) -> Result<Json<Value>, AuthError> {
    let user_id = fields.coerced("userId");
    fields.check()?;
    let admin = asked.administrator(LIST).await?;
    admin.app.identity().get_user(GetUserRequest { user_id: user_id.clone() }).await?;
    let answer = admin.app.sessions().list_sessions(ListSessionsRequest { user_id }).await?.into_inner();
    let sessions: Vec<Value> =
        answer.sessions.iter().map(|session| output::session(session, &session.id)).collect();
    Ok(Json(json!({ "sessions": sessions })))
}

/// `POST /admin/revoke-user-session`, by handle or token. What is not there is revoked already.
pub async fn revoke(asked: Asked, mut fields: Fields) -> Result<Json<Value>, AuthError> {
    let session = fields.string("sessionToken");
    fields.check()?;
    let admin = asked.administrator(REVOKE).await?;
    let request = RevokeAnySessionRequest {
        session: session.clone(),
        actor: admin.current.user.id.clone(),
        client: Some(admin.client.clone()),
    };
    let revoked = admin.app.sessions().revoke_any_session(request).await;
    revoked.map_err(|status| admin.refused(status))?;
    admin.app.revocation.touch(session);
    Ok(Json(json!({ "success": true })))
}

/// `POST /admin/revoke-user-sessions`.
pub async fn revoke_all(asked: Asked, mut fields: Fields) -> Result<Json<Value>, AuthError> {
    let user_id = fields.coerced("userId");
    fields.check()?;
    let admin = asked.administrator(REVOKE).await?;
    let request = EndSessionsRequest { actor: Some(admin.actor()), user_id };
    admin.user(admin.app.identity_admin().end_sessions(request).await)?;
    Ok(Json(json!({ "success": true })))
}
