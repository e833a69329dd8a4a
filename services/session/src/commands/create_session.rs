use api::common::Role;
use api::identity::User;
use eventstore::sealing::{SubjectKey, Vault};
use kernel::{Error, ErrorCode, SessionId, UserId};
use prost::Message;
use secrecy::SecretString;

use super::{Actor, Cx, seal_row};
use crate::domain::session::{Impersonation, Origin, Refusal, Session, Start, decide_start};
use crate::error;
use crate::postgres::sessions::{self, NewRow};
use crate::tokens;

#[derive(Debug)]
pub(crate) struct CreateSession {
    pub(crate) user_id: UserId,
    pub(crate) origin: Origin,
    pub(crate) remember: bool,
    /// Of the administrator who is to act as the user.
    pub(crate) impersonator_session: Option<SessionId>,
    /// In which the user proved who they are; unused when impersonated.
    pub(crate) epoch: u64,
}

pub(crate) struct Created {
    pub(crate) session: Session,
    pub(crate) token: SecretString,
    pub(crate) user: User,
}

/// Starts a session of its own for every sign-in: no token that was known before is taken over.
pub(crate) async fn create_session(cx: &Cx, command: CreateSession) -> Result<Created, Error> {
    // Before anything is written: a session of an epoch that ends meanwhile is dead when it starts.
    let user = cx.users.get(&command.user_id).await?;
    let impersonation = match &command.impersonator_session {
        Some(id) => Some(impersonation(cx, id).await?),
        None => None,
    };
    let now = cx.clock.now();
    let id = SessionId::generate(&*cx.entropy);
    let (remember, lifetime) = (command.remember, cx.lifetimes.session());
    let start = Start { id, user: &user, remember, epoch: command.epoch, impersonation, lifetime };
    let (session, events) = decide_start(start, now).map_err(refused)?;

    let person = session.person().clone();
    let key = key_of(cx, &person).await?;
    let plain = command.origin.personal().encode_to_vec();
    let personal = seal_row(&key, &session.id, &plain)?;
    let token = cx.entropy.alphanumeric(tokens::SESSION_TOKEN_LENGTH);
    let mut opened = cx.store.open(&session.stream()).await?;
    if !sessions::stay(opened.reader(), &person).await? {
        opened.rollback().await;
        return Err(error::user_not_found());
    }
    let actor = Actor { id: Some(person.to_string()), private: Some((key, plain)) };
    let mut appended = actor.append(opened, &events, now).await?;
    let row = NewRow { session: &session, token_hash: &tokens::hash(&token), personal: &personal };
    sessions::insert(appended.tx(), &row).await?;
    appended.commit().await?;
    Ok(Created { session, token: SecretString::from(token), user })
}

fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Banned => error::banned_user(),
        Refusal::Administrator => error::cannot_impersonate_admins(),
        Refusal::Ended => error::session_not_found(),
        Refusal::Outdated => error::failed_to_create_session(),
    }
}

/// The live session of an administrator who is nobody but themselves.
async fn impersonation(cx: &Cx, id: &SessionId) -> Result<Impersonation, Error> {
    let found = sessions::find(cx.store.pool(), id).await?.ok_or_else(error::session_not_found)?;
    let admin = cx.admit(&found).await?;
    if found.impersonation.is_some() || admin.role() != Role::Admin {
        return Err(error::may_not_impersonate());
    }
    Ok(Impersonation {
        admin_id: found.user_id,
        session_id: found.id,
        until: Some(found.expires_at),
        epoch: found.epoch,
    })
}

/// The key of a person, made with their first session.
async fn key_of(cx: &Cx, person: &UserId) -> Result<SubjectKey, Error> {
    if let Some(key) = cx.vault.find(cx.store.pool(), person.as_str()).await? {
        return Ok(key);
    }
    let key = cx.vault.key(cx.store.pool(), person.as_str(), cx.clock.now()).await?;
    // Whoever was erased before the key was made must not keep it; whoever is erased later loses it
    // then, and the session with it.
    if let Err(error) = cx.users.get(person).await {
        if error.code == ErrorCode::NotFound {
            let mut connection = cx.store.pool().acquire().await.map_err(eventstore::StoreError::from)?;
            Vault::destroy(&mut connection, person.as_str()).await?;
        }
        return Err(error);
    }
    Ok(key)
}
