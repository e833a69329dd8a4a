//! One row per event of identity and session.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use eventstore::RecordedEvent;
use projection::{ApplyError, Projection};
use sqlx::PgConnection;

use super::auth_details::{Entry, entry};
use super::{number, text, trace_id};
use crate::hashes::{HashKey, Hashes};
use crate::owners::{IDENTITY, Owners, SESSION};

/// How long an owner may take to open a run of events.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct AuthEventLog {
    owners: Owners,
    key: HashKey,
    /// Of the run of events at hand, by store and position.
    prepared: Mutex<BTreeMap<String, BTreeMap<u64, Hashes>>>,
}

impl AuthEventLog {
    pub(crate) fn new(owners: Owners, key: HashKey) -> Self {
        Self { owners, key, prepared: Mutex::default() }
    }

    fn prepared(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<u64, Hashes>>> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hashes(&self, event: &RecordedEvent) -> Result<Hashes, ApplyError> {
        if event.meta.sealed.is_none() {
            return Ok(Hashes::default());
        }
        let prepared = self.prepared();
        let found = prepared.get(&event.store).and_then(|run| run.get(&event.position));
        found.cloned().ok_or_else(|| ApplyError::Retry("the event was not opened before".to_owned()))
    }
}

#[async_trait]
impl Projection for AuthEventLog {
    fn name(&self) -> &'static str {
        "auth_event_log"
    }

    fn sources(&self) -> &'static [&'static str] {
        &[IDENTITY, SESSION]
    }

    async fn prepare(&self, events: &[RecordedEvent]) -> Result<(), ApplyError> {
        let Some(RecordedEvent { store, .. }) = events.first() else { return Ok(()) };
        let sealed = events.iter().filter(|event| event.meta.sealed.is_some());
        let positions: Vec<u64> = sealed.map(|event| event.position).collect();
        let opened = self.owners.open(store, &positions, PATIENCE).await?;
        if let Some(missing) = positions.iter().find(|position| !opened.contains_key(*position)) {
            return Err(ApplyError::Retry(format!("{store} does not know its event {missing}")));
        }
        let hashes =
            |personal: Option<_>| personal.map(|personal| self.key.of(&personal)).unwrap_or_default();
        let run = opened.into_iter().map(|(position, personal)| (position, hashes(personal))).collect();
        self.prepared().insert(store.clone(), run);
        Ok(())
    }

    async fn apply(&self, tx: &mut PgConnection, event: &RecordedEvent) -> Result<(), ApplyError> {
        let (entry, hashes) = (entry(event)?, self.hashes(event)?);
        take_turn(tx).await?;
        insert(tx, event, &entry, &hashes).await?;
        if event.store == IDENTITY
            && event.event_type == "user.erased"
            && let Some(user) = &entry.user_id
        {
            forget(tx, user, event.position).await?;
        }
        Ok(())
    }
}

/// The two stores are followed side by side. One at a time writes: otherwise an event of a session
/// and the one that erases its user could miss each other, and rows would commit in another order
/// than they are numbered in. Held to the end of the transaction, which is short.
async fn take_turn(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    let lock = "select pg_advisory_xact_lock(hashtextextended('auth_event_log', 0))";
    sqlx::query(lock).execute(tx).await.map(drop)
}

/// A statement of its own behind the lock: it must see what the one before it committed. Session may
/// be late to lose its key of an erased person, and what was opened before is in memory here.
async fn insert(
    tx: &mut PgConnection,
    event: &RecordedEvent,
    entry: &Entry,
    hashes: &Hashes,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into auth_event_log
           (store, position, at, type, user_id, subject, actor, detail, trace_id,
            email_hash, new_email_hash, ip_hash, network_hash)
         select $1, $2, $3, $4, $5, $6, $7, $8, $9,
                case when known then $10 end, case when known then $11 end,
                case when known then $12 end, case when known then $13 end
           from (select not exists (select from auth_event_log
                  where store = 'identity' and type = 'user.erased' and user_id = $6) as known) as person
         on conflict (store, position) do nothing",
    )
    .bind(&event.store)
    .bind(number(event.position))
    .bind(event.at)
    .bind(&event.event_type)
    .bind(&entry.user_id)
    .bind(event.meta.subject.as_deref().and_then(text))
    .bind(event.meta.actor.as_deref().and_then(text))
    .bind(&entry.detail)
    .bind(trace_id(event))
    .bind(&hashes.email)
    .bind(&hashes.new_email)
    .bind(&hashes.ip)
    .bind(&hashes.network)
    .execute(tx)
    .await
    .map(drop)
}

/// What was hashed of an erased person, and of their address before it had an account: identity has
/// destroyed the keys of both.
async fn forget(tx: &mut PgConnection, user: &str, position: u64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with last as (
           select case when type = 'user.email_changed' then coalesce(new_email_hash, email_hash)
                       else email_hash end as address
             from auth_event_log
            where store = 'identity' and user_id = $1 and email_hash is not null and position < $2
            order by position desc limit 1)
         update auth_event_log
            set email_hash = null, new_email_hash = null, ip_hash = null, network_hash = null
          where subject = $1
             or (email_hash = (select address from last) and store = 'identity' and position < $2
                 and subject like 'address-%')",
    )
    .bind(user)
    .bind(number(position))
    .execute(tx)
    .await
    .map(drop)
}
