use api::identity::User;
use kernel::Error;
use secrecy::{ExposeSecret, SecretString};

use super::{Cx, append, meta};
use crate::domain::session::{Session, decide_prolong};
use crate::error;
use crate::postgres::sessions;

#[derive(Debug)]
pub(crate) struct GetSession {
    pub(crate) token: SecretString,
    pub(crate) disable_refresh: bool,
}

/// The live session of a token with its user as identity knows it now; prolongs a session in use.
/// The flag says that its end moved.
pub(crate) async fn get_session(cx: &Cx, query: GetSession) -> Result<(Session, User, bool), Error> {
    let session = cx.live_session(query.token.expose_secret()).await?;
    let user = cx.user_of(&session).await?;
    if query.disable_refresh || decide_prolong(&session, cx.clock.now()).is_none() {
        return Ok((session, user, false));
    }
    let (session, refreshed) = prolong(cx, &session).await?;
    Ok((session, user, refreshed))
}

/// Of requests side by side one prolongs and the others see its result.
async fn prolong(cx: &Cx, session: &Session) -> Result<(Session, bool), Error> {
    let (opened, session) = cx.hold(session).await?;
    let now = cx.clock.now();
    let Some((expires_at, event)) = decide_prolong(&session, now) else {
        opened.rollback().await;
        return if session.is_live(now) { Ok((session, false)) } else { Err(error::session_not_found()) };
    };
    let mut appended = append(opened, &event, &meta(now, &session.user_id)).await?;
    let session = session.prolonged(expires_at, now);
    sessions::prolong(appended.tx(), &session).await?;
    appended.commit().await?;
    Ok((session, true))
}
