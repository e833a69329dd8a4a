use kernel::{Error, ErrorCode};
use serde_json::{Map, Value, json};

use super::issue::{ACCESS_TOKEN, user_claims};
use super::{proof, refused};
use crate::commands::Cx;
use crate::domain::oauth::error::Code;
use crate::domain::oauth::scope;
use crate::postgres::oauth::{clients, grants};

#[derive(Debug)]
pub(crate) struct UserInfo {
    pub(crate) access_token: String,
    /// `Authorization: DPoP`.
    pub(crate) bound: bool,
    pub(crate) proofs: Vec<String>,
    pub(crate) method: String,
    pub(crate) url: String,
}

/// The claims that a token of ours opens (OpenID Connect Core 1.0, section 5.3).
///
/// # Errors
/// `INVALID_TOKEN`, `INSUFFICIENT_SCOPE` without `openid`, `INVALID_DPOP_PROOF`.
pub(crate) async fn userinfo(cx: &Cx, query: &UserInfo) -> Result<Value, Error> {
    let invalid = || refused(Code::InvalidToken, "The access token is unknown, expired or revoked");
    let ring = cx.keys.published().await?;
    let now = cx.clock.now();
    let claims =
        ring.open_token(&query.access_token, ACCESS_TOKEN).filter(|_| ring.accepts(&query.access_token, now));
    let claims = claims.ok_or_else(invalid)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let expires = claims.get("exp").and_then(Value::as_i64).unwrap_or_default();
    if text("iss") != cx.issuer.issuer() || expires <= now.timestamp() {
        return Err(invalid());
    }
    check_key(cx, query, &claims).await?;
    let grant = grants::find(cx.store.pool(), text("gid")).await?.ok_or_else(invalid)?;
    let client = clients::find(cx.store.pool(), &grant.client_id).await?.ok_or_else(invalid)?;
    let user = cx.admit_grant(&grant, &client).await.map_err(|error| match error.code {
        ErrorCode::InvalidArgument => invalid(),
        _ => error,
    })?;
    let scopes: Vec<String> = text("scope").split(' ').map(str::to_owned).collect();
    let user = user.filter(|_| scope::contains(&scopes, scope::OPENID));
    let user = user.ok_or_else(|| refused(Code::InsufficientScope, "The scope openid is needed"))?;
    let mut told = Map::new();
    told.insert("sub".to_owned(), json!(user.id));
    told.extend(user_claims(&user, &scopes, &grant.claims.userinfo));
    Ok(Value::Object(told))
}

/// A token that is bound to a key comes with a proof of it, and with the scheme that says so
/// (RFC 9449, section 7.1).
async fn check_key(cx: &Cx, query: &UserInfo, claims: &Map<String, Value>) -> Result<(), Error> {
    let bound_to = claims.get("cnf").and_then(|cnf| cnf.get("jkt")).and_then(Value::as_str);
    let wrong = || refused(Code::InvalidToken, "The access token is bound to a key");
    match bound_to {
        None if query.bound => Err(refused(Code::InvalidToken, "The access token is bound to no key")),
        None => Ok(()),
        Some(_) if !query.bound => Err(wrong()),
        Some(jkt) => {
            let target = (query.method.as_str(), query.url.as_str());
            let proven = proof::check(cx, &query.proofs, target, Some(&query.access_token)).await?;
            if proven.as_deref() == Some(jkt) { Ok(()) } else { Err(wrong()) }
        }
    }
}
