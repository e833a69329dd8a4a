use kernel::Error;

use super::issue::Tokens;
use super::redeem::{Once, Redeemed, Redemption, redeem};
use super::{Call, hash, proof, refused, revoke_grant};
use crate::commands::Cx;
use crate::domain::oauth::client::Client;
use crate::domain::oauth::error::{Code, OAuthError};
use crate::domain::oauth::pkce;
use crate::domain::session::Origin;
use crate::postgres::oauth::codes;

/// RFC 6749, section 4.1.3. A code that comes a second time ends what it was exchanged for: one of
/// the two who came with it has stolen it.
pub(super) async fn redeem_code(
    cx: &Cx,
    client: &Client,
    call: &Call,
    origin: &Origin,
) -> Result<Tokens, Error> {
    let params = &call.params;
    let code_hash = hash(params.require("code")?);
    let redirect_uri = params.require("redirect_uri")?;
    let found = codes::find(cx.store.pool(), &code_hash).await?;
    // Another client's code stays good for the one it was made for.
    let code = found.filter(|code| code.client_id == client.id).ok_or_else(OAuthError::grant)?;
    if code.used_at.is_some() {
        return Err(replayed(cx, &code.grant_id).await?);
    }
    let fits = pkce::fits(code.bound.code_challenge.as_deref(), params.get("code_verifier"));
    if code.expires_at <= cx.clock.now() || code.bound.redirect_uri != redirect_uri || !fits {
        return Err(OAuthError::grant().into());
    }
    let jkt = proof::key_of(cx, call, client).await?;
    if code.bound.dpop_jkt.is_some() && code.bound.dpop_jkt != jkt {
        return Err(refused(Code::InvalidDpopProof, "The code is bound to another key"));
    }
    let redemption = Redemption {
        client,
        once: Once::Code(&code_hash),
        grant_id: code.grant_id.clone(),
        user_id: code.user_id,
        session_id: code.session_id,
        epoch: code.epoch,
        auth_time: code.auth_time,
        scopes: code.bound.scopes,
        resources: code.bound.resources,
        claims: code.bound.claims,
        nonce: code.bound.nonce,
        jkt,
    };
    match redeem(cx, redemption, origin).await? {
        Redeemed::Tokens(tokens) => Ok(*tokens),
        Redeemed::UsedBefore => Err(replayed(cx, &code.grant_id).await?),
    }
}

async fn replayed(cx: &Cx, grant_id: &str) -> Result<Error, Error> {
    revoke_grant(&cx.books(), grant_id, "code_replayed").await?;
    Ok(OAuthError::grant().into())
}
