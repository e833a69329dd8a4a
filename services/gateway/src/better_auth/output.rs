use api::identity::User;
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
        "banned": false,
        "banReason": null,
        "banExpires": null,
    })
}

/// The token is the caller's own: only its hash is stored.
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
    })
}
