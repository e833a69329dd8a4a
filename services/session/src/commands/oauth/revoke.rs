use api::events::session::GrantRevoked;
use kernel::Error;

use super::issue::ACCESS_TOKEN;
use super::{Call, authenticate, hash};
use crate::commands::{Actor, Books, Cx};
use crate::domain::oauth::Event;
use crate::postgres::oauth::{grants, refresh_tokens};

/// RFC 7009. Whichever token of a grant is given, the grant ends with all of them (section 2.1). What
/// is unknown, or another client's, is nothing to revoke.
pub(crate) async fn revoke_token(cx: &Cx, call: &Call) -> Result<(), Error> {
    let client = authenticate(cx, call).await?;
    let token = call.params.require("token")?;
    let refresh = refresh_tokens::find(cx.store.pool(), &hash(token)).await?;
    let grant_id = if let Some(found) = refresh {
        Some(found.grant_id)
    } else {
        let ring = cx.keys.published().await?;
        let claims = ring.open_token(token, ACCESS_TOKEN);
        claims.and_then(|claims| Some(claims.get("gid")?.as_str()?.to_owned()))
    };
    let Some(grant_id) = grant_id else { return Ok(()) };
    let found = grants::find(cx.store.pool(), &grant_id).await?;
    if found.is_some_and(|grant| grant.client_id == client.id) {
        revoke_grant(&cx.books(), &grant_id, "revoked").await?;
    }
    Ok(())
}

/// Ends a grant. Nothing to end is fine.
pub(crate) async fn revoke_grant(books: &Books, id: &str, reason: &str) -> Result<(), Error> {
    let mut opened = books.store.open(&grants::stream(id)).await?;
    let found = grants::find(opened.reader(), id).await?;
    let Some(grant) = found.filter(|grant| grant.revoked_at.is_none()) else {
        opened.rollback().await;
        return Ok(());
    };
    let now = books.clock.now();
    let user_id = grant.user_id.as_ref().map(ToString::to_string).unwrap_or_default();
    let event = Event::GrantRevoked(GrantRevoked {
        grant_id: id.to_owned(),
        user_id: user_id.clone(),
        client_id: grant.client_id,
        reason: reason.to_owned(),
    });
    let actor = Actor::system(Some(user_id).filter(|id| !id.is_empty()));
    let mut appended = actor.append(opened, &[event], now).await?;
    grants::revoke(appended.tx(), id, now).await?;
    appended.commit().await?;
    Ok(())
}
