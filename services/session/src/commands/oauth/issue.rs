use api::identity::User;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use kernel::Error;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::ID_LENGTH;
use crate::commands::Cx;
use crate::domain::oauth::claims_request::covers;
use crate::domain::oauth::client::Client;
use crate::domain::oauth::scope;
use crate::keys::{JWT, Key};
use crate::postgres::keys;
use crate::postgres::oauth::grants::Grant;

/// Type of access tokens (RFC 9068, section 2.1).
pub(super) const ACCESS_TOKEN: &str = "at+jwt";

/// The answer of the token endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tokens {
    pub(crate) access_token: String,
    pub(crate) token_type: String,
    pub(crate) issued_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) scopes: Vec<String>,
    pub(crate) refresh_token: Option<String>,
    pub(crate) id_token: Option<String>,
}

/// What tokens are made of.
pub(super) struct Issue<'a> {
    pub(super) client: &'a Client,
    pub(super) grant: &'a Grant,
    /// Of the access token.
    pub(super) scopes: &'a [String],
    pub(super) user: Option<&'a User>,
    pub(super) nonce: Option<&'a str>,
    /// The key that the access token is bound to.
    pub(super) jkt: Option<&'a str>,
    /// No access token outlives the session that it hangs on.
    pub(super) until: Option<DateTime<Utc>>,
}

/// An access token, and an ID token where `openid` was granted.
pub(super) async fn sign(cx: &Cx, issue: &Issue<'_>) -> Result<Tokens, Error> {
    let now = cx.clock.now();
    let signer = keys::signer(cx.store.pool(), now).await?;
    let key = cx.keys.signer(signer.as_deref()).await?;
    let longest = (now + cx.lifetimes.access_token()).min(key.term().latest_expiry());
    let expires_at = issue.until.map_or(longest, |until| until.min(longest));
    let access_token = access_token(cx, issue, &key, (now, expires_at))?;
    let id_token = match issue.user {
        Some(user) if scope::contains(issue.scopes, scope::OPENID) => {
            Some(id_token(cx, issue, &key, (user, &access_token, now, expires_at))?)
        }
        _ => None,
    };
    metrics::counter!("session_oauth_tokens_total").increment(1);
    Ok(Tokens {
        access_token,
        token_type: if issue.jkt.is_some() { "DPoP" } else { "Bearer" }.to_owned(),
        issued_at: now,
        expires_at,
        scopes: issue.scopes.to_vec(),
        refresh_token: None,
        id_token,
    })
}

/// RFC 9068, section 2.2, with what our resource servers look at.
fn access_token(
    cx: &Cx,
    issue: &Issue<'_>,
    key: &Key,
    (now, expires_at): (DateTime<Utc>, DateTime<Utc>),
) -> Result<String, Error> {
    let Issue { client, grant, scopes, user, jkt, .. } = issue;
    let mut audience = vec![cx.issuer.api().to_owned()];
    if scope::contains(scopes, scope::OPENID) {
        audience.push(cx.issuer.endpoint("userinfo"));
    }
    audience.extend(grant.resources.iter().cloned());
    let subject = grant.user_id.as_ref().map_or(client.id.as_str(), kernel::UserId::as_str);
    let mut claims = json!({
        "iss": cx.issuer.issuer(),
        "sub": subject,
        "aud": audience,
        "exp": expires_at.timestamp(),
        "iat": now.timestamp(),
        "jti": cx.entropy.alphanumeric(ID_LENGTH),
        "client_id": client.id,
        "azp": client.id,
        "scope": scopes.join(" "),
        "gid": grant.id,
        "sep": grant.epoch,
    });
    if let (Some(user), Some(session)) = (user, &grant.session_id) {
        claims["sid"] = json!(session.as_str());
        claims["role"] = json!(user.role().to_kernel().as_str());
        claims["email_verified"] = json!(user.email_verified);
        if scope::contains(scopes, "email") {
            claims["email"] = json!(user.email);
        }
    }
    if let Some(time) = grant.auth_time {
        claims["auth_time"] = json!(time.timestamp());
    }
    if let Some(jkt) = jkt {
        claims["cnf"] = json!({ "jkt": jkt });
    }
    Ok(key.sign_token(ACCESS_TOKEN, &claims)?)
}

/// OpenID Connect Core 1.0, section 2: who the person is; more than that only where `claims` asks
/// for it here.
fn id_token(
    cx: &Cx,
    issue: &Issue<'_>,
    key: &Key,
    (user, access_token, now, expires_at): (&User, &str, DateTime<Utc>, DateTime<Utc>),
) -> Result<String, Error> {
    let Issue { client, grant, nonce, .. } = issue;
    let digest = digest(&SHA256, access_token.as_bytes());
    let half = digest.as_ref().get(..16).unwrap_or_default();
    let mut claims = json!({
        "iss": cx.issuer.issuer(),
        "sub": user.id,
        "aud": client.id,
        "exp": expires_at.max(now + TimeDelta::minutes(5)).timestamp(),
        "iat": now.timestamp(),
        "auth_time": grant.auth_time.unwrap_or(now).timestamp(),
        "acr": "0",
        "at_hash": URL_SAFE_NO_PAD.encode(half),
        "sid": grant.session_id.as_ref().map(kernel::SessionId::as_str),
    });
    if let Some(nonce) = nonce {
        claims["nonce"] = json!(nonce);
    }
    if let Value::Object(claims) = &mut claims {
        claims.extend(user_claims(user, &[], &grant.claims.id_token));
    }
    Ok(key.sign_token(JWT, &claims)?)
}

/// The claims about a person that a scope or a claims request covers (OpenID Connect Core 1.0,
/// sections 5.1 and 5.4).
pub(super) fn user_claims(user: &User, scopes: &[String], asked: &[String]) -> Map<String, Value> {
    let updated_at = user.updated_at.as_ref().map(|time| time.seconds);
    let all = [
        ("name", json!(user.name)),
        ("picture", json!(user.image)),
        ("updated_at", json!(updated_at)),
        ("role", json!(user.role().to_kernel().as_str())),
        ("email", json!(user.email)),
        ("email_verified", json!(user.email_verified)),
    ];
    let covered = all.into_iter().filter(|(name, value)| !value.is_null() && covers(scopes, asked, name));
    covered.map(|(name, value)| (name.to_owned(), value)).collect()
}
