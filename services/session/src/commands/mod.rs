//! One use case each: read, decide, append, inline tables, commit.

mod check_session;
mod create_session;
mod end_sessions;
mod get_session;
mod list_sessions;
mod mint_access_token;
pub(crate) mod oauth;
mod revoke_session;
mod sweep_sessions;

use std::sync::Arc;

use api::common::Personal;
use api::identity::User;
use chrono::{DateTime, Utc};
use eventstore::sealing::{SubjectKey, Unsealable, Vault};
use eventstore::{Appended, Meta, Opened, Private, Store, StoreError};
use kernel::{Clock, Entropy, Error, ErrorCode, EventCodec, NewEvent, SessionId, UserId};
use prost::Message;
use runtime::Outbound;

use crate::domain::session::{Origin, Session};
use crate::error;
use crate::keys::Keys;
use crate::lifetimes::Lifetimes;
use crate::ports::Users;
use crate::postgres::sessions::{self, Sealed};
use crate::tokens::{self, Issuer};

pub(crate) use check_session::check_session;
pub(crate) use create_session::{CreateSession, create_session};
pub(crate) use end_sessions::end_sessions;
pub(crate) use get_session::{GetSession, get_session};
pub(crate) use list_sessions::list_sessions;
pub(crate) use mint_access_token::mint_access_token;
pub(crate) use revoke_session::{
    RevokeAnySession, RevokeSession, RevokeSessions, revoke_any_session, revoke_session, revoke_sessions,
};
pub(crate) use sweep_sessions::sweep_sessions;

/// What every command works with.
#[derive(Debug, Clone)]
pub(crate) struct Cx {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) vault: Vault,
    pub(crate) users: Users,
    pub(crate) keys: Keys,
    pub(crate) issuer: Issuer,
    pub(crate) lifetimes: Lifetimes,
    /// For key sets of clients.
    pub(crate) outbound: Outbound,
    /// Key sets of clients, as they were fetched last.
    pub(crate) client_keys: oauth::ClientKeys,
}

/// What is needed to write down what an operator decides.
#[derive(Debug, Clone)]
pub(crate) struct Books {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl Cx {
    pub(crate) fn books(&self) -> Books {
        let Self { store, clock, entropy, .. } = self.clone();
        Books { store, clock, entropy }
    }

    /// The user of a live session, as identity knows them now. The session ends with its user, with
    /// the epoch it started in and, where an administrator acts in it, with theirs.
    async fn admit(&self, session: &Session) -> Result<User, Error> {
        if !session.is_live(self.clock.now()) {
            return Err(error::session_not_found());
        }
        let admin = async {
            match &session.impersonation {
                Some(by) => Ok(by.is_of(&self.users.get(&by.admin_id).await?)),
                None => Ok(true),
            }
        };
        let (user, admitted) =
            tokio::try_join!(self.users.get(&session.user_id), admin).map_err(|error| match error.code {
                ErrorCode::NotFound => error::session_not_found(),
                _ => error,
            })?;
        if admitted && session.is_of(&user) { Ok(user) } else { Err(error::session_not_found()) }
    }

    /// A session under its stream's lock: nothing changes it until the transaction ends.
    async fn hold(&self, id: &SessionId) -> Result<Option<(Opened, Session)>, Error> {
        let mut opened = self.store.open(&crate::domain::session::stream(id)).await?;
        if let Some(held) = sessions::find(opened.reader(), id).await? {
            return Ok(Some((opened, held)));
        }
        opened.rollback().await;
        Ok(None)
    }

    /// What a row says of a person; nothing once the person was erased.
    fn unseal(&self, session: &Session, sealed: &Sealed) -> Origin {
        let (Some(personal), Some(wrapped)) = (&sealed.personal, &sealed.wrapped) else {
            return Origin::default();
        };
        let opened = self.vault.unwrap(session.person().as_str(), wrapped).ok().and_then(|key| {
            let plain = key.open(&place(&session.id), personal).ok()?;
            Personal::decode(plain.as_slice()).ok()
        });
        let Some(Personal { ip, user_agent, .. }) = opened else {
            tracing::error!(session = %session.id, "the origin of a session does not open: is AUTH_SECRET another one?");
            return Origin::default();
        };
        Origin { ip, user_agent }
    }
}

/// The row of a session, as its sealing names it.
fn place(id: &SessionId) -> String {
    format!("sessions/{id}")
}

fn seal_row(key: &SubjectKey, id: &SessionId, plain: &[u8]) -> Result<Vec<u8>, Error> {
    key.seal(&place(id), plain).map_err(|Unsealable| Error::internal())
}

/// Who acts, and what the events say of them.
pub(crate) struct Actor {
    /// None: the system itself.
    id: Option<String>,
    /// What is sealed under whose key; nothing where nothing is known.
    private: Option<(SubjectKey, Vec<u8>)>,
}

impl Actor {
    pub(crate) fn system(id: Option<String>) -> Self {
        Self { id, private: None }
    }

    /// Somebody at a browser. Seals nothing for whom there is no key: they are erased.
    pub(crate) async fn at(cx: &Cx, id: &UserId, origin: &Origin) -> Result<Self, StoreError> {
        let mut private = None;
        if *origin != Origin::default() {
            let key = cx.vault.find(cx.store.pool(), id.as_str()).await?;
            private = key.map(|key| (key, origin.personal().encode_to_vec()));
        }
        Ok(Self { id: Some(id.to_string()), private })
    }

    async fn append<E: EventCodec>(
        &self,
        opened: Opened,
        events: &[E],
        at: DateTime<Utc>,
    ) -> Result<Appended, StoreError> {
        let events: Vec<NewEvent> = events.iter().map(EventCodec::encode).collect();
        let subject = self.private.as_ref().map(|(key, _)| key.subject().to_owned());
        let meta = Meta { at, actor: self.id.clone(), traceparent: runtime::current_traceparent(), subject };
        match &self.private {
            Some((key, plain)) => opened.append_sealed(&events, &meta, &Private { key, plain }).await,
            None => opened.append(&events, &meta).await,
        }
    }
}

fn hash(token: &secrecy::SecretString) -> [u8; 32] {
    tokens::hash(secrecy::ExposeSecret::expose_secret(token))
}
