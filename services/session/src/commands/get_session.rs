use api::identity::User;
use kernel::{Error, ErrorCode};
use secrecy::SecretString;

use super::{Actor, Cx, hash};
use crate::domain::session::{Origin, Session, decide_prolong};
use crate::error;
use crate::postgres::sessions;

#[derive(Debug)]
pub(crate) struct GetSession {
    pub(crate) token: SecretString,
    pub(crate) disable_refresh: bool,
}

pub(crate) struct Found {
    pub(crate) session: Session,
    pub(crate) origin: Origin,
    pub(crate) user: User,
    /// Its end moved.
    pub(crate) refreshed: bool,
}

/// The live session of a token with its user as identity knows it now; prolongs a session in use.
pub(crate) async fn get_session(cx: &Cx, query: GetSession) -> Result<Found, Error> {
    let found = sessions::find_sealed(cx.store.pool(), &hash(&query.token)).await?;
    let (session, sealed) = found.ok_or_else(error::session_not_found)?;
    let user = cx.admit(&session).await?;
    let origin = cx.unseal(&session, &sealed);
    let due = decide_prolong(&session, cx.lifetimes.session(), cx.clock.now()).is_some();
    if query.disable_refresh || !due {
        return Ok(Found { session, origin, user, refreshed: false });
    }
    let (session, refreshed) = match prolong(cx, &session).await {
        Err(error) if matches!(error.code, ErrorCode::Unavailable | ErrorCode::Conflict) => {
            tracing::warn!(%error, "a session is not prolonged this time");
            (session, false)
        }
        outcome => outcome?,
    };
    Ok(Found { session, origin, user, refreshed })
}

/// Of requests side by side one prolongs and the others see its result.
async fn prolong(cx: &Cx, session: &Session) -> Result<(Session, bool), Error> {
    let (opened, session) = cx.hold(&session.id).await?.ok_or_else(error::session_not_found)?;
    let now = cx.clock.now();
    let Some((expires_at, event)) = decide_prolong(&session, cx.lifetimes.session(), now) else {
        opened.rollback().await;
        return if session.is_live(now) { Ok((session, false)) } else { Err(error::session_not_found()) };
    };
    let actor = Actor::system(Some(session.person().to_string()));
    let mut appended = actor.append(opened, &[event], now).await?;
    let session = session.prolonged(expires_at, now);
    sessions::prolong(appended.tx(), &session).await?;
    appended.commit().await?;
    Ok((session, true))
}
