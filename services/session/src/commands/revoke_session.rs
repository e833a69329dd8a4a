use kernel::Error;
use secrecy::{ExposeSecret, SecretString};

use super::{Cx, append, meta};
use crate::domain::session::{Origin, decide_sign_out};
use crate::postgres::sessions;
use crate::tokens;

#[derive(Debug)]
pub(crate) struct RevokeSession {
    pub(crate) token: SecretString,
    pub(crate) origin: Origin,
}

/// Ends a session. Signing out of none succeeds.
pub(crate) async fn revoke_session(cx: &Cx, command: RevokeSession) -> Result<(), Error> {
    let hash = tokens::hash(command.token.expose_secret());
    let Some(found) = sessions::find_by_token_hash(cx.store.pool(), &hash).await? else { return Ok(()) };
    let (opened, session) = cx.hold(&found).await?;
    let now = cx.clock.now();
    let Some(event) = decide_sign_out(&session, &command.origin, now) else {
        opened.rollback().await;
        return Ok(());
    };
    let mut appended = append(opened, &event, &meta(now, &session.user_id)).await?;
    sessions::revoke(appended.tx(), &session.id, now).await?;
    appended.commit().await?;
    Ok(())
}
