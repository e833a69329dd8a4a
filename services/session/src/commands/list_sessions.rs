use kernel::{Error, ErrorCode, UserId};

use super::Cx;
use crate::domain::session::{Origin, Session};
use crate::postgres::sessions;

/// The live sessions of a user, newest first; none of a user who is gone.
pub(crate) async fn list_sessions(cx: &Cx, user_id: &UserId) -> Result<Vec<(Session, Origin)>, Error> {
    let user = match cx.users.get(user_id).await {
        Err(error) if error.code == ErrorCode::NotFound => return Ok(Vec::new()),
        outcome => outcome?,
    };
    let now = cx.clock.now();
    let open = sessions::open_of(cx.store.pool(), user_id, now).await?;
    let live = open.into_iter().filter(|(session, _)| session.is_live(now) && session.is_of(&user));
    Ok(live
        .map(|(session, sealed)| {
            let origin = cx.unseal(&session, &sealed);
            (session, origin)
        })
        .collect())
}
