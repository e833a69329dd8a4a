use api::common::Personal;
use chrono::{DateTime, Utc};
use eventstore::sealing::Vault;
use eventstore::{Appended, Meta, Opened, Private, StoreError};
use kernel::{Error, EventCodec, NewEvent, UserId};
use prost::Message;
use sqlx::PgConnection;

use super::{Cx, subject_of_address};
use crate::domain::account::{Account, Event, stream};
use crate::error;
use crate::mail::{self, MailRequest};
use crate::postgres::users::{self, Person};
use crate::secrets::{MailedPurpose, token_hash};

/// An account held for one command: nobody else changes it meanwhile.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) opened: Opened,
    pub(crate) person: Person,
}

/// Events that are written, with what goes with them, and not yet committed.
#[derive(Debug)]
pub(crate) struct Recorded {
    appended: Appended,
    stream: String,
}

impl Cx {
    /// # Errors
    /// `USER_NOT_FOUND`.
    pub(crate) async fn hold(&self, id: &UserId) -> Result<Held, Error> {
        let mut opened = self.store.open(&stream(id)).await?;
        let Some(person) = users::find(opened.reader(), &self.vault, id).await? else {
            opened.rollback().await;
            return Err(error::user_not_found());
        };
        Ok(Held { opened, person })
    }
}

impl Held {
    pub(crate) fn account(&self) -> &Account {
        &self.person.account
    }

    /// The account as it is to be.
    pub(crate) fn with(self, account: Account) -> Self {
        let person = Person { account, key: self.person.key };
        Self { opened: self.opened, person }
    }

    /// Writes the events; `actor` is who did it, none where anyone may.
    pub(crate) async fn record(
        self,
        events: &[Event],
        personal: &Personal,
        actor: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<(Recorded, Person), StoreError> {
        let Self { opened, person } = self;
        let recorded = record(opened, events, (personal, &person), meta(actor, now, &person)).await?;
        Ok((recorded, person))
    }

    pub(crate) async fn let_go(self) {
        self.opened.rollback().await;
    }
}

/// Writes events about a person, their private part sealed.
pub(crate) async fn record(
    opened: Opened,
    events: &[Event],
    (personal, person): (&Personal, &Person),
    meta: Meta,
) -> Result<Recorded, StoreError> {
    let encoded: Vec<NewEvent> = events.iter().map(EventCodec::encode).collect();
    let private = Private { key: &person.key, plain: &personal.encode_to_vec() };
    let appended = opened.append_sealed(&encoded, &meta, &private).await?;
    Ok(Recorded { appended, stream: person.account.stream() })
}

pub(crate) fn meta(actor: Option<&str>, now: DateTime<Utc>, person: &Person) -> Meta {
    Meta {
        at: now,
        actor: actor.map(str::to_owned),
        traceparent: runtime::current_traceparent(),
        subject: Some(person.account.id.to_string()),
    }
}

impl Recorded {
    /// For the inline tables.
    pub(crate) fn tx(&mut self) -> &mut PgConnection {
        self.appended.tx()
    }

    /// Writes the account as it is now.
    ///
    /// # Errors
    /// `USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL` when its address was taken meanwhile.
    pub(crate) async fn save(&mut self, cx: &Cx, person: &Person, now: DateTime<Utc>) -> Result<(), Error> {
        let email_key = cx.secrets.key_of(&person.account.email);
        users::save(self.appended.tx(), person, &email_key, now).await.map_err(taken)
    }

    /// The person has left this address: attempts at it from before there was an account are nobody's
    /// any more, and cannot be found by whoever erases the person later.
    pub(crate) async fn forget_address(&mut self, cx: &Cx, former: &str) -> Result<(), Error> {
        let subject = subject_of_address(&cx.secrets.key_of(former));
        Vault::destroy(self.appended.tx(), &subject).await?;
        Ok(())
    }

    /// Sends a mail once the events are recorded.
    pub(crate) async fn mail(&mut self, request: &MailRequest) -> Result<(), Error> {
        mail::enqueue(&mut self.appended, &self.stream, request).await
    }

    /// Issues the token that a mail of this request will carry.
    pub(crate) async fn issue(
        &mut self,
        cx: &Cx,
        purpose: MailedPurpose,
        user: &UserId,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let hash = token_hash(&cx.secrets.mailed_token(purpose, user, now));
        let expires_at = now + purpose.lifetime();
        crate::postgres::mailed_tokens::put(self.appended.tx(), user, purpose, &hash, expires_at).await?;
        Ok(())
    }

    pub(crate) async fn commit(self) -> Result<(), Error> {
        self.appended.commit().await?;
        Ok(())
    }
}

/// The unique index decides between those who want the same address.
pub(crate) fn taken(error: StoreError) -> Error {
    if error.unique_violation() == Some("users_email") { error::user_exists() } else { error.into() }
}
