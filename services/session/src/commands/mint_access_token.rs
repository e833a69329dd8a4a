use chrono::{DateTime, Utc};
use kernel::Error;
use secrecy::{ExposeSecret, SecretString};

use super::{Cx, append, meta};
use crate::domain::session::decide_issue;
use crate::error;
use crate::tokens::ACCESS_TOKEN_LIFETIME;

const TOKEN_ID_LENGTH: usize = 22;

pub(crate) struct AccessToken {
    pub(crate) token: String,
    pub(crate) expires_at: DateTime<Utc>,
}

/// An access token of a live session, with the user as identity knows it now. It leaves only once
/// its issue is recorded.
pub(crate) async fn mint_access_token(cx: &Cx, session_token: &SecretString) -> Result<AccessToken, Error> {
    let session = cx.live_session(session_token.expose_secret()).await?;
    let user = cx.user_of(&session).await?;
    let ring = cx.keys.ring().await?;
    let now = cx.clock.now();
    let token_id = cx.entropy.alphanumeric(TOKEN_ID_LENGTH);
    let token = cx.issuer.mint(&ring, &token_id, (&session, &user), now)?;
    let expires_at = now + ACCESS_TOKEN_LIFETIME;

    // Again, under the lock: a sign-out that came between wins.
    let (opened, session) = cx.hold(&session).await?;
    let event = decide_issue(&session, ring.kid(), expires_at, now).ok_or_else(error::session_not_found)?;
    append(opened, &event, &meta(now, &session.user_id)).await?.commit().await?;
    metrics::counter!("session_access_tokens_total").increment(1);
    Ok(AccessToken { token, expires_at })
}
