use api::identity::User;
use kernel::{Error, SessionId, UserId};
use secrecy::SecretString;

use super::{Cx, append, meta};
use crate::domain::session::{Origin, Session};
use crate::postgres::sessions;
use crate::tokens;

#[derive(Debug)]
pub(crate) struct CreateSession {
    pub(crate) user_id: UserId,
    pub(crate) origin: Origin,
    pub(crate) remember: bool,
}

/// Starts a session of its own for every sign-in: no token that was known before is taken over.
pub(crate) async fn create_session(
    cx: &Cx,
    command: CreateSession,
) -> Result<(Session, SecretString, User), Error> {
    let user = cx.users.get(&command.user_id).await?;
    let now = cx.clock.now();
    let token = cx.entropy.alphanumeric(tokens::SESSION_TOKEN_LENGTH);
    let id = SessionId::generate(&*cx.entropy);
    let session = Session::start(id, command.user_id, command.origin, command.remember, now);
    let opened = cx.store.open(&session.stream()).await?;
    let mut appended = append(opened, &session.started(), &meta(now, &session.user_id)).await?;
    sessions::insert(appended.tx(), &session, &tokens::hash(&token)).await?;
    appended.commit().await?;
    Ok((session, SecretString::from(token), user))
}
