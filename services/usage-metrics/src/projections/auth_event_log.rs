//! One row per event of identity and session.

use api::events::identity::{
    EmailVerified, SignInFailed, SignedIn, UserLocked, UserRegistered, VerificationRequested,
};
use api::events::session::{
    AccessTokenIssued, SessionProlonged, SessionRevoked, SessionStarted, SigningKeyCreated,
};
use async_trait::async_trait;
use eventstore::RecordedEvent;
use kernel::CodecError;
use projection::{ApplyError, Projection};
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::{number, text, trace_id};

kernel::events! {
    /// What happens to an account.
    enum IdentityEvent {
        Registered(UserRegistered) = "user.registered" @ 1,
        VerificationRequested(VerificationRequested) = "user.verification_requested" @ 1,
        EmailVerified(EmailVerified) = "user.email_verified" @ 1,
        SignedIn(SignedIn) = "user.signed_in" @ 1,
        SignInFailed(SignInFailed) = "user.sign_in_failed" @ 1,
        Locked(UserLocked) = "user.locked" @ 1,
    }
}

kernel::events! {
    /// What happens to a session or a signing key.
    enum SessionEvent {
        Started(SessionStarted) = "session.started" @ 1,
        Prolonged(SessionProlonged) = "session.prolonged" @ 1,
        Revoked(SessionRevoked) = "session.revoked" @ 1,
        AccessTokenIssued(AccessTokenIssued) = "session.access_token_issued" @ 1,
        KeyCreated(SigningKeyCreated) = "key.created" @ 1,
    }
}

const IDENTITY: &str = "identity";

#[derive(Debug)]
pub(crate) struct AuthEventLog;

#[async_trait]
impl Projection for AuthEventLog {
    fn name(&self) -> &'static str {
        "auth_event_log"
    }

    fn sources(&self) -> &'static [&'static str] {
        &[IDENTITY, "session"]
    }

    async fn apply(&self, tx: &mut PgConnection, event: &RecordedEvent) -> Result<(), ApplyError> {
        let entry = entry(event)?;
        take_turn(tx).await?;
        insert(tx, event, &entry).await?;
        if event.store == IDENTITY
            && let (Some(user), Some(email)) = (&entry.user_id, &entry.email)
        {
            learn_email(tx, user, email).await?;
        }
        Ok(())
    }
}

/// What an event says, as columns.
#[derive(Debug, Default, PartialEq)]
struct Entry {
    user_id: Option<String>,
    email: Option<String>,
    ip: Option<String>,
    user_agent: Option<String>,
    detail: Value,
}

impl Entry {
    fn new(user_id: &str, email: &str, detail: Value) -> Self {
        Self { user_id: text(user_id), email: text(email), detail, ..Self::default() }
    }

    fn from(self, ip: &str, user_agent: &str) -> Self {
        Self { ip: text(ip), user_agent: text(user_agent), ..self }
    }
}

/// The log has a row for every event; a type or shape that this build does not know is recorded
/// without details.
fn entry(event: &RecordedEvent) -> Result<Entry, CodecError> {
    let known = if event.store == IDENTITY {
        event.decode().map(identity_entry)
    } else {
        event.decode().map(session_entry)
    };
    match known {
        Err(CodecError::UnknownType { .. }) => Ok(Entry::new("", "", json!({}))),
        outcome => outcome,
    }
}

fn identity_entry(event: IdentityEvent) -> Entry {
    use IdentityEvent as E;
    match event {
        E::Registered(e) => {
            let detail = json!({
                "role": text(&e.role), "method": text(&e.method), "email_verified": e.email_verified,
            });
            Entry::new(&e.user_id, &e.email, detail).from(&e.ip, &e.user_agent)
        }
        E::VerificationRequested(e) => Entry::new(&e.user_id, &e.email, json!({})).from(&e.ip, &e.user_agent),
        E::EmailVerified(e) => Entry::new(&e.user_id, &e.email, json!({})).from(&e.ip, &e.user_agent),
        E::SignedIn(e) => {
            Entry::new(&e.user_id, &e.email, json!({ "method": text(&e.method) })).from(&e.ip, &e.user_agent)
        }
        E::SignInFailed(e) => {
            let detail = json!({ "reason": text(&e.reason), "consecutive_failures": e.consecutive_failures });
            Entry::new(&e.user_id, &e.email, detail).from(&e.ip, &e.user_agent)
        }
        E::Locked(e) => {
            let detail = json!({ "until": api::millis_opt(e.until.as_ref()), "failures": e.failures });
            Entry::new(&e.user_id, &e.email, detail).from(&e.ip, &e.user_agent)
        }
    }
}

fn session_entry(event: SessionEvent) -> Entry {
    use SessionEvent as E;
    match event {
        E::Started(e) => {
            let detail = json!({
                "session_id": text(&e.session_id),
                "expires_at": api::millis_opt(e.expires_at.as_ref()),
                "remember": e.remember,
            });
            Entry::new(&e.user_id, "", detail).from(&e.ip, &e.user_agent)
        }
        E::Prolonged(e) => {
            let detail = json!({
                "session_id": text(&e.session_id), "expires_at": api::millis_opt(e.expires_at.as_ref()),
            });
            Entry::new(&e.user_id, "", detail)
        }
        E::Revoked(e) => {
            let detail = json!({ "session_id": text(&e.session_id), "reason": text(&e.reason) });
            Entry::new(&e.user_id, "", detail).from(&e.ip, &e.user_agent)
        }
        E::AccessTokenIssued(e) => {
            let detail = json!({
                "session_id": text(&e.session_id),
                "key_id": text(&e.key_id),
                "expires_at": api::millis_opt(e.expires_at.as_ref()),
            });
            Entry::new(&e.user_id, "", detail)
        }
        E::KeyCreated(e) => {
            Entry::new("", "", json!({ "key_id": text(&e.key_id), "algorithm": text(&e.algorithm) }))
        }
    }
}

/// The two stores are followed side by side. One at a time writes: otherwise an event of a session
/// and the event that tells the user's address could miss each other, and rows would commit in
/// another order than they are numbered in. Held to the end of the transaction, which is short.
async fn take_turn(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    let lock = "select pg_advisory_xact_lock(hashtextextended('auth_event_log', 0))";
    sqlx::query(lock).execute(tx).await.map(drop)
}

/// A statement of its own behind the lock: it must see what the one before it committed.
async fn insert(tx: &mut PgConnection, event: &RecordedEvent, entry: &Entry) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into auth_event_log
           (store, position, at, type, user_id, email, ip, user_agent, detail, trace_id)
         values ($1, $2, $3, $4, $5, coalesce($6, (select email from known_emails where user_id = $5)),
           $7, $8, $9, $10)
         on conflict (store, position) do nothing",
    )
    .bind(&event.store)
    .bind(number(event.position))
    .bind(event.at)
    .bind(&event.event_type)
    .bind(&entry.user_id)
    .bind(&entry.email)
    .bind(&entry.ip)
    .bind(&entry.user_agent)
    .bind(&entry.detail)
    .bind(trace_id(event))
    .execute(tx)
    .await
    .map(drop)
}

/// Rows of the user's sessions that came before get the address now.
async fn learn_email(tx: &mut PgConnection, user: &str, email: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with learnt as (
           insert into known_emails (user_id, email) values ($1, $2)
           on conflict (user_id) do update set email = excluded.email
             where known_emails.email <> excluded.email
           returning user_id, email)
         update auth_event_log as line set email = learnt.email
           from learnt where line.user_id = learnt.user_id and line.email is null",
    )
    .bind(user)
    .bind(email)
    .execute(tx)
    .await
    .map(drop)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use eventstore::RecordedMeta;
    use kernel::{EventCodec, NewEvent};

    use super::*;

    fn recorded(store: &str, event: NewEvent) -> RecordedEvent {
        RecordedEvent {
            store: store.to_owned(),
            position: 1,
            stream: "user-ada".to_owned(),
            version: 1,
            event_type: event.event_type.to_owned(),
            schema: event.schema,
            data: event.data,
            meta: RecordedMeta::default(),
            at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn details_hold_neither_name_nor_address() {
        let event = IdentityEvent::Registered(UserRegistered {
            user_id: "ada".to_owned(),
            email: "ada@example.com".to_owned(),
            name: "A Name".to_owned(),
            role: "student".to_owned(),
            method: "password".to_owned(),
            ip: "192.0.2.7".to_owned(),
            user_agent: String::new(),
            email_verified: false,
        });
        let entry = entry(&recorded("identity", event.encode())).unwrap();
        assert_eq!(entry.detail, json!({ "role": "student", "method": "password", "email_verified": false }));
        assert_eq!((entry.ip.as_deref(), entry.user_agent), (Some("192.0.2.7"), None));
    }

    #[test]
    fn a_newer_shape_of_a_known_type_is_recorded_without_details_and_broken_bytes_are_refused() {
        let newer = NewEvent { event_type: "user.signed_in", schema: 2, data: vec![0xff] };
        assert_eq!(entry(&recorded("identity", newer)).unwrap(), Entry::new("", "", json!({})));
        let broken = NewEvent { event_type: "user.signed_in", schema: 1, data: vec![0xff] };
        assert!(matches!(entry(&recorded("identity", broken)), Err(CodecError::Malformed { .. })));
    }

    #[test]
    fn a_character_that_postgres_cannot_hold_does_not_stop_the_log() {
        let event = SessionEvent::Started(SessionStarted {
            user_agent: "a\0b".to_owned(),
            ..SessionStarted::default()
        });
        let entry = entry(&recorded("session", event.encode())).unwrap();
        assert_eq!(entry.user_agent.as_deref(), Some("a\u{fffd}b"));
    }
}
