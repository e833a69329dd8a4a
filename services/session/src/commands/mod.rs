//! One use case each: read, decide, append, inline tables, commit.

mod create_session;
mod get_session;
mod mint_access_token;
mod revoke_session;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use eventstore::{Appended, Meta, Opened, Store, StoreError};
use kernel::{Clock, Entropy, Error, ErrorCode, EventCodec, UserId};

use crate::domain::session::{Event, Session};
use crate::error;
use crate::keys::Keys;
use crate::ports::Users;
use crate::postgres::sessions;
use crate::tokens::{self, Issuer};

pub(crate) use create_session::{CreateSession, create_session};
pub(crate) use get_session::{GetSession, get_session};
pub(crate) use mint_access_token::mint_access_token;
pub(crate) use revoke_session::{RevokeSession, revoke_session};

/// What every command works with.
#[derive(Debug, Clone)]
pub(crate) struct Cx {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) users: Users,
    pub(crate) keys: Keys,
    pub(crate) issuer: Issuer,
}

impl Cx {
    /// The live session of a token.
    async fn live_session(&self, token: &str) -> Result<Session, Error> {
        let found = sessions::find_by_token_hash(self.store.pool(), &tokens::hash(token)).await?;
        found.filter(|session| session.is_live(self.clock.now())).ok_or_else(error::session_not_found)
    }

    /// The user of a session. A session does not outlive its user.
    async fn user_of(&self, session: &Session) -> Result<api::identity::User, Error> {
        self.users.get(&session.user_id).await.map_err(|error| match error.code {
            ErrorCode::NotFound => error::session_not_found(),
            _ => error,
        })
    }

    /// The session again, under its stream's lock: nothing changes it until the transaction ends.
    async fn hold(&self, session: &Session) -> Result<(Opened, Session), Error> {
        let mut opened = self.store.open(&session.stream()).await?;
        let held =
            sessions::find(opened.reader(), &session.id).await?.ok_or_else(error::session_not_found)?;
        Ok((opened, held))
    }
}

fn meta(at: DateTime<Utc>, user: &UserId) -> Meta {
    let user = Some(user.to_string());
    Meta { at, actor: user.clone(), traceparent: runtime::current_traceparent(), subject: user }
}

async fn append(opened: Opened, event: &Event, meta: &Meta) -> Result<Appended, StoreError> {
    opened.append(&[event.encode()], meta).await
}
