use api::common::Role;
use kernel::{Error, ErrorCode, SessionId, UserId};
use secrecy::{ExposeSecret, SecretString};

use super::{Actor, Cx, hash, oauth};
use crate::domain::session::{self, ADMIN, IMPERSONATION_ENDED, Origin, decide_revoke};
use crate::error;
use crate::postgres::sessions::{self, Which};
use crate::tokens;

#[derive(Debug)]
pub(crate) struct RevokeSession {
    pub(crate) token: SecretString,
    /// Empty: the user signed out.
    pub(crate) reason: String,
    pub(crate) origin: Origin,
}

#[derive(Debug)]
pub(crate) struct RevokeSessions {
    /// Only their sessions.
    pub(crate) user_id: UserId,
    /// An id or a token; none: all of them.
    pub(crate) session: Option<SecretString>,
    pub(crate) except: SessionId,
    /// Empty: revoked.
    pub(crate) reason: String,
    /// None: the user.
    pub(crate) actor: Option<UserId>,
    pub(crate) origin: Origin,
}

#[derive(Debug)]
pub(crate) struct RevokeAnySession {
    /// An id or a token.
    pub(crate) session: SecretString,
    pub(crate) admin_id: UserId,
    pub(crate) origin: Origin,
}

/// Ends the session of a token. Signing out of none succeeds.
pub(crate) async fn revoke_session(cx: &Cx, command: RevokeSession) -> Result<(), Error> {
    let reason = reason(&command.reason, session::SIGN_OUT)?;
    let found = sessions::find_by_token_hash(cx.store.pool(), &hash(&command.token)).await?;
    let Some(found) = found else { return Ok(()) };
    let actor = Actor::at(cx, found.person(), &command.origin).await?;
    revoke(cx, &found.id, reason, &actor).await?;
    Ok(())
}

/// Ends sessions of a user and says which.
pub(crate) async fn revoke_sessions(cx: &Cx, command: RevokeSessions) -> Result<Vec<SessionId>, Error> {
    let reason = reason(&command.reason, session::REVOKED)?;
    let named = command.session.as_ref().map(ExposeSecret::expose_secret);
    let hash = named.map(tokens::hash).unwrap_or_default();
    let which = named.map_or(Which::All, |name| Which::One(name, &hash));
    let ids = sessions::ids_of(cx.store.pool(), &command.user_id, which, cx.clock.now()).await?;
    let who = command.actor.as_ref().unwrap_or(&command.user_id);
    let actor = Actor::at(cx, who, &command.origin).await?;
    let mut revoked = Vec::new();
    for id in ids.into_iter().filter(|id| *id != command.except) {
        if revoke(cx, &id, reason, &actor).await? {
            revoked.push(id);
        }
    }
    Ok(revoked)
}

/// Ends a session, whoever's it is. Nothing to end is fine.
///
/// # Errors
/// `FORBIDDEN` unless an administrator asks, whatever the gateway saw.
pub(crate) async fn revoke_any_session(cx: &Cx, command: RevokeAnySession) -> Result<(), Error> {
    let admin = cx.users.get(&command.admin_id).await.map_err(|error| match error.code {
        ErrorCode::NotFound => error::forbidden(),
        _ => error,
    })?;
    if admin.role() != Role::Admin || admin.banned {
        return Err(error::forbidden());
    }
    let name = command.session.expose_secret();
    let id = match sessions::find_by_token_hash(cx.store.pool(), &tokens::hash(name)).await? {
        Some(found) => found.id,
        None => SessionId::from(name),
    };
    let actor = Actor::at(cx, &command.admin_id, &command.origin).await?;
    revoke(cx, &id, ADMIN, &actor).await?;
    Ok(())
}

/// Ends a session, and those in which its holder acts as somebody else. Says whether there was
/// anything to end.
pub(super) async fn revoke(cx: &Cx, id: &SessionId, reason: &str, actor: &Actor) -> Result<bool, Error> {
    let revoked = revoke_one(cx, id, reason, actor).await?;
    if revoked {
        for id in sessions::impersonated_from(cx.store.pool(), id, cx.clock.now()).await? {
            revoke_one(cx, &id, IMPERSONATION_ENDED, actor).await?;
        }
    }
    Ok(revoked)
}

pub(super) async fn revoke_one(cx: &Cx, id: &SessionId, reason: &str, actor: &Actor) -> Result<bool, Error> {
    let Some((opened, session)) = cx.hold(id).await? else { return Ok(false) };
    let now = cx.clock.now();
    let Some(events) = decide_revoke(&session, reason, now) else {
        opened.rollback().await;
        return Ok(false);
    };
    let mut appended = actor.append(opened, &events, now).await?;
    sessions::revoke(appended.tx(), &session.id, now).await?;
    oauth::notify(appended.tx(), &session.id, &session.user_id, now).await?;
    appended.commit().await?;
    Ok(true)
}

/// A closed set: nothing that a person typed enters the log.
fn reason<'a>(text: &'a str, default: &'static str) -> Result<&'a str, Error> {
    match text {
        "" => Ok(default),
        known if session::is_reason(known) => Ok(known),
        _ => Err(error::unknown_reason()),
    }
}
