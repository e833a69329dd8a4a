use api::identity::{Account, User};
use api::session::Session;
use serde_json::{Value, json};

pub fn user(user: &User) -> Value {
    json!({
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "emailVerified": user.email_verified,
        "image": user.image,
        "createdAt": api::millis(user.created_at.as_ref()),
        "updatedAt": api::millis(user.updated_at.as_ref()),
        "role": user.role().to_kernel().as_str(),
        "banned": user.banned,
        "banReason": user.ban_reason,
        "banExpires": user.ban_expires.as_ref().map(|at| api::millis(Some(at))),
    })
}

/// The caller's own session carries its token; any other its id, a handle that proves nothing: only
/// hashes of tokens are stored.
pub fn session(session: &Session, token: &str) -> Value {
    json!({
        "id": session.id,
        "token": token,
        "userId": session.user_id,
        "expiresAt": api::millis(session.expires_at.as_ref()),
        "createdAt": api::millis(session.created_at.as_ref()),
        "updatedAt": api::millis(session.updated_at.as_ref()),
        "ipAddress": session.ip_address,
        "userAgent": session.user_agent,
        "impersonatedBy": filled(&session.impersonated_by),
    })
}

pub fn account(account: &Account) -> Value {
    json!({
        "id": account.id,
        "providerId": account.provider_id,
        "accountId": account.account_id,
        "userId": account.user_id,
        "createdAt": api::millis(account.created_at.as_ref()),
        "updatedAt": api::millis(account.updated_at.as_ref()),
        "scopes": account.scopes,
    })
}

/// protobuf has no absent text.
pub fn filled(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
