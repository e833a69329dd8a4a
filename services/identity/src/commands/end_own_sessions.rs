use api::events::identity::AllSessionsEnded;
use kernel::{Error, UserId};

use super::Cx;
use crate::domain::account::Event;
use crate::domain::profile::Origin;
use crate::postgres::mailed_tokens;
use crate::postgres::users::Person;

#[derive(Debug)]
pub(crate) struct EndOwnSessions {
    pub(crate) user: UserId,
    /// Goes on; none: all end.
    pub(crate) spared_session: Option<String>,
    /// Who did it; empty: the user.
    pub(crate) actor: String,
    pub(crate) origin: Origin,
}

/// Ends the user's sessions but one. Who does so may have seen a stranger in: what was asked for in
/// those sessions, a change of the address or the deletion, is void with them.
///
/// # Errors
/// `USER_NOT_FOUND`.
pub(crate) async fn end_own_sessions(cx: &Cx, command: EndOwnSessions) -> Result<(), Error> {
    let EndOwnSessions { user, spared_session, actor, origin } = command;
    let held = cx.hold(&user).await?;
    let now = cx.clock.now();
    let account = held.account().clone().end_sessions(spared_session.clone());
    let ended = Event::SessionsEnded(AllSessionsEnded {
        user_id: user.to_string(),
        session_epoch: account.session_epoch,
        spared_session_id: spared_session.unwrap_or_default(),
    });
    let actor = if actor.is_empty() { user.to_string() } else { actor };
    let (mut recorded, person) = held.record(&[ended], &account.personal(&origin), Some(&actor), now).await?;
    recorded.save(cx, &Person { account, key: person.key }, now).await?;
    mailed_tokens::delete_all(recorded.tx(), &user).await?;
    recorded.commit().await
}
