use std::fmt;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use eventstore::StoreError;
use eventstore::effects::{self, Effect, EffectError};
use kernel::{SessionId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::PgConnection;
use url::Url;

use super::ID_LENGTH;
use crate::commands::Cx;
use crate::postgres::keys;
use crate::postgres::oauth::clients;
use crate::postgres::oauth::grants;

pub(crate) const EFFECT: &str = "back_channel_logout";
/// Type of logout tokens (OpenID Connect Back-Channel Logout 1.0, section 2.4).
const LOGOUT_TOKEN: &str = "logout+jwt";
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
const LIFETIME: TimeDelta = TimeDelta::minutes(2);

#[derive(Debug, Serialize, Deserialize)]
struct Logout {
    client_id: String,
    user_id: String,
    session_id: String,
}

/// In the transaction in which a session ends: what was granted in it ends, and the clients that
/// want to know are told.
pub(crate) async fn notify(
    tx: &mut PgConnection,
    session: &SessionId,
    user: &UserId,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    for client_id in grants::end_with_session(tx, session, at).await? {
        let key = format!("{session}/{client_id}");
        let logout = Logout { client_id, user_id: user.to_string(), session_id: session.to_string() };
        effects::enqueue(tx, EFFECT, &key, &json!(logout), at).await?;
    }
    Ok(())
}

/// Tells clients that a session has ended.
pub(crate) struct BackChannelLogout(pub(crate) Cx);

impl fmt::Debug for BackChannelLogout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackChannelLogout")
    }
}

#[async_trait]
impl Effect for BackChannelLogout {
    fn kind(&self) -> &'static str {
        EFFECT
    }

    async fn perform(&self, _: &str, payload: &serde_json::Value) -> Result<(), EffectError> {
        let logout = Logout::deserialize(payload)
            .map_err(|error| EffectError::GiveUp(format!("the payload is no logout: {error}")))?;
        let retry = |error: kernel::Error| EffectError::Retry(error.reason.into_owned());
        let found = clients::find(self.0.store.pool(), &logout.client_id).await;
        let client = found.map_err(|error| retry(error.into()))?;
        let uri = client.and_then(|client| client.metadata.backchannel_logout_uri);
        let Some(uri) = uri else { return Ok(()) };
        let uri = Url::parse(&uri).map_err(|error| EffectError::GiveUp(error.to_string()))?;
        let token = self.token(&logout).await.map_err(retry)?;
        let body =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", &token).finish();
        let request = http::Request::post(uri.as_str())
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body.into_bytes())
            .map_err(|error| EffectError::GiveUp(error.to_string()))?;
        let answer = self.0.outbound.send(request).await.map_err(|error| match error {
            runtime::OutboundError::Forbidden(_) | runtime::OutboundError::Insecure => {
                EffectError::GiveUp(error.to_string())
            }
            _ => EffectError::Retry(error.to_string()),
        })?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            // Section 2.8: the client says that it cannot, and that asking again is no use.
            http::StatusCode::BAD_REQUEST => {
                Err(EffectError::GiveUp("the client refuses the token".to_owned()))
            }
            status => Err(EffectError::Retry(format!("the client answers {status}"))),
        }
    }
}

impl BackChannelLogout {
    /// Section 2.4: no nonce, so that it is never taken for an ID token.
    async fn token(&self, logout: &Logout) -> Result<String, kernel::Error> {
        let Self(cx) = self;
        let now = cx.clock.now();
        let signer = keys::signer(cx.store.pool(), now).await?;
        let key = cx.keys.signer(signer.as_deref()).await?;
        let claims = json!({
            "iss": cx.issuer.issuer(),
            "aud": logout.client_id,
            "sub": logout.user_id,
            "sid": logout.session_id,
            "iat": now.timestamp(),
            "exp": (now + LIFETIME).timestamp(),
            "jti": cx.entropy.alphanumeric(ID_LENGTH),
            "events": { EVENT: {} },
        });
        Ok(key.sign_token(LOGOUT_TOKEN, &claims)?)
    }
}
