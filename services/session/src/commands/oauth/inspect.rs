use kernel::{Error, ErrorCode, SessionId};
use serde_json::{Map, Value, json};

use super::hash;
use super::issue::ACCESS_TOKEN;
use crate::commands::{Cx, check_session};
use crate::keys::JWT;
use crate::postgres::oauth::{clients, grants, refresh_tokens};

/// What is known of a token (RFC 7662, section 2.2). Anything that is good for nothing is merely not
/// active; a refresh token is that to every other client.
pub(crate) async fn introspect(cx: &Cx, client_id: &str, token: &str) -> Result<Value, Error> {
    let inactive = json!({ "active": false });
    if let Some(found) = refresh_tokens::find(cx.store.pool(), &hash(token)).await? {
        let expired = found.used_at.is_some() || found.expires_at <= cx.clock.now();
        let grant = grants::find(cx.store.pool(), &found.grant_id).await?;
        let Some(grant) = grant.filter(|grant| !expired && grant.client_id == client_id) else {
            return Ok(inactive);
        };
        if !is_live(cx, &grant.id).await? {
            return Ok(inactive);
        }
        return Ok(json!({
            "active": true,
            "client_id": grant.client_id,
            "azp": grant.client_id,
            "iss": cx.issuer.issuer(),
            "sub": grant.user_id.as_ref().map(ToString::to_string),
            "sid": grant.session_id.as_ref().map(ToString::to_string),
            "iat": grant.issued_at.timestamp(),
            "exp": found.expires_at.timestamp(),
            "scope": grant.scopes.join(" "),
            "token_type": "refresh_token",
        }));
    }
    Ok(access_token(cx, token).await?.map_or(inactive, Value::Object))
}

/// The claims of an access token of ours that is good now.
async fn access_token(cx: &Cx, token: &str) -> Result<Option<Map<String, Value>>, Error> {
    let ring = cx.keys.published().await?;
    let now = cx.clock.now();
    let ours = ring.open_token(token, ACCESS_TOKEN).or_else(|| ring.open_token(token, JWT));
    let Some(claims) = ours.filter(|_| ring.accepts(token, now)) else { return Ok(None) };
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let expires = claims.get("exp").and_then(Value::as_i64).unwrap_or_default();
    if text("iss") != Some(cx.issuer.issuer()) || expires <= now.timestamp() {
        return Ok(None);
    }
    let live = match (text("gid"), text("sid")) {
        (Some(grant), session) => {
            let ended = match session {
                Some(session) => ended(cx, session).await?,
                None => false,
            };
            !ended && is_live(cx, grant).await?
        }
        // Of a session: ID tokens have no `jti`.
        (None, Some(session)) if text("jti").is_some() => {
            check_session(cx, &SessionId::from(session)).await?
        }
        _ => false,
    };
    Ok(live.then(|| auth::introspection(&claims)))
}

/// Was the session ended, by whatever? One that has merely expired leaves its offline grants be.
async fn ended(cx: &Cx, session: &str) -> Result<bool, Error> {
    let found = crate::postgres::sessions::find(cx.store.pool(), &SessionId::from(session)).await?;
    Ok(found.is_some_and(|session| session.revoked_at.is_some()))
}

async fn is_live(cx: &Cx, grant_id: &str) -> Result<bool, Error> {
    let Some(grant) = grants::find(cx.store.pool(), grant_id).await? else { return Ok(false) };
    let Some(client) = clients::find(cx.store.pool(), &grant.client_id).await? else { return Ok(false) };
    match cx.admit_grant(&grant, &client).await {
        Ok(_) => Ok(true),
        Err(error) if error.code == ErrorCode::InvalidArgument => Ok(false),
        Err(error) => Err(error),
    }
}
