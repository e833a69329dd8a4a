use chrono::{DateTime, Utc};
use kernel::Error;
use secrecy::SecretString;

use super::{Cx, hash};
use crate::error;
use crate::postgres::sessions;
use crate::tokens::Grant;

const TOKEN_ID_LENGTH: usize = 22;

pub(crate) struct AccessToken {
    pub(crate) token: String,
    pub(crate) expires_at: DateTime<Utc>,
}

/// An access token of a live session, with the user as identity knows it now. Nothing is written:
/// whoever must know of a sign-out compares `sid` and `sep` with what was revoked since.
pub(crate) async fn mint_access_token(cx: &Cx, session_token: &SecretString) -> Result<AccessToken, Error> {
    let hash = hash(session_token);
    let found = sessions::find_with_signer(cx.store.pool(), &hash, cx.clock.now()).await?;
    let (session, signer) = found.ok_or_else(error::session_not_found)?;
    let user = cx.admit(&session).await?;
    let key = cx.keys.signer(signer.as_deref()).await?;
    let now = cx.clock.now();
    // No longer than the session that it is good for, nor than its key verifies.
    let expires_at =
        (now + cx.lifetimes.access_token()).min(session.expires_at).min(key.term().latest_expiry());
    let token_id = cx.entropy.alphanumeric(TOKEN_ID_LENGTH);
    let grant = Grant { token_id: &token_id, session: &session, user: &user, issued_at: now, expires_at };
    let token = cx.issuer.mint(&key, &grant)?;
    metrics::counter!("session_access_tokens_total").increment(1);
    Ok(AccessToken { token, expires_at })
}
