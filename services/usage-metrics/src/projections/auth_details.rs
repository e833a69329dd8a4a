//! What an event of identity or session says beside its type, user and time.

use api::events::{identity as identities, session as sessions};
use eventstore::RecordedEvent;
use kernel::CodecError;
use serde_json::{Value, json};

use super::text;
use crate::owners::IDENTITY;

kernel::events! {
    /// What happens to an account, or to an address that has none.
    enum IdentityEvent {
        Registered(identities::UserRegistered) = "user.registered" @ 1,
        VerificationRequested(identities::VerificationRequested) = "user.verification_requested" @ 1,
        EmailVerified(identities::EmailVerified) = "user.email_verified" @ 1,
        SignedIn(identities::SignedIn) = "user.signed_in" @ 1,
        Reauthenticated(identities::Reauthenticated) = "user.reauthenticated" @ 1,
        SignInFailed(identities::SignInFailed) = "user.sign_in_failed" @ 1,
        Locked(identities::UserLocked) = "user.locked" @ 1,
        Unlocked(identities::UserUnlocked) = "user.unlocked" @ 1,
        PasswordResetRequested(identities::PasswordResetRequested) = "user.password_reset_requested" @ 1,
        PasswordReset(identities::PasswordReset) = "user.password_reset" @ 1,
        PasswordChanged(identities::PasswordChanged) = "user.password_changed" @ 1,
        EmailChangeRequested(identities::EmailChangeRequested) = "user.email_change_requested" @ 1,
        EmailChanged(identities::EmailChanged) = "user.email_changed" @ 1,
        ProfileChanged(identities::ProfileChanged) = "user.profile_changed" @ 1,
        AccountLinked(identities::AccountLinked) = "user.account_linked" @ 1,
        AccountUnlinked(identities::AccountUnlinked) = "user.account_unlinked" @ 1,
        RoleAssigned(identities::RoleAssigned) = "user.role_assigned" @ 1,
        Banned(identities::UserBanned) = "user.banned" @ 1,
        Unbanned(identities::UserUnbanned) = "user.unbanned" @ 1,
        SessionsEnded(identities::AllSessionsEnded) = "user.sessions_ended" @ 1,
        DeletionRequested(identities::DeletionRequested) = "user.deletion_requested" @ 1,
        Erased(identities::UserErased) = "user.erased" @ 1,
    }
}

kernel::events! {
    /// What happens to a session or a signing key.
    enum SessionEvent {
        Started(sessions::SessionStarted) = "session.started" @ 1,
        Prolonged(sessions::SessionProlonged) = "session.prolonged" @ 1,
        Revoked(sessions::SessionRevoked) = "session.revoked" @ 1,
        ImpersonationStarted(sessions::ImpersonationStarted) = "session.impersonation_started" @ 1,
        ImpersonationEnded(sessions::ImpersonationEnded) = "session.impersonation_ended" @ 1,
        AccessTokenIssued(sessions::AccessTokenIssued) = "session.access_token_issued" @ 1,
        KeyCreated(sessions::SigningKeyCreated) = "key.created" @ 1,
        KeyRetired(sessions::SigningKeyRetired) = "key.retired" @ 1,
        ClientRegistered(sessions::ClientRegistered) = "client.registered" @ 1,
        ClientChanged(sessions::ClientChanged) = "client.changed" @ 1,
        ClientSecretRotated(sessions::ClientSecretRotated) = "client.secret_rotated" @ 1,
        ClientRemoved(sessions::ClientRemoved) = "client.removed" @ 1,
        ConsentGiven(sessions::ConsentGiven) = "consent.given" @ 1,
        ConsentWithdrawn(sessions::ConsentWithdrawn) = "consent.withdrawn" @ 1,
        GrantIssued(sessions::GrantIssued) = "grant.issued" @ 1,
        GrantRevoked(sessions::GrantRevoked) = "grant.revoked" @ 1,
    }
}

/// What an event says, as columns.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Entry {
    pub(super) user_id: Option<String>,
    pub(super) detail: Value,
}

impl Entry {
    fn new(user_id: &str, detail: Value) -> Self {
        let detail = match detail {
            Value::Object(fields) => fields.into_iter().filter(|(_, value)| !value.is_null()).collect(),
            other => other,
        };
        Self { user_id: text(user_id), detail }
    }

    /// Of a type or shape that this build does not know: its stream may tell whom it is about.
    fn unknown(event: &RecordedEvent) -> Self {
        let user = if event.store == IDENTITY { event.stream.strip_prefix("user-") } else { None };
        Self::new(user.unwrap_or_default(), json!({}))
    }
}

/// The log has an entry for every event.
pub(super) fn entry(event: &RecordedEvent) -> Result<Entry, CodecError> {
    let known = if event.store == IDENTITY {
        event.decode().map(identity_entry)
    } else {
        event.decode().map(session_entry)
    };
    match known {
        Err(CodecError::UnknownType { .. }) => Ok(Entry::unknown(event)),
        outcome => outcome,
    }
}

fn identity_entry(event: IdentityEvent) -> Entry {
    use IdentityEvent as E;
    let (user, detail) = match event {
        E::Registered(e) => (e.user_id.clone(), registered(&e)),
        E::VerificationRequested(e) => (e.user_id, json!({})),
        E::EmailVerified(e) => (e.user_id, json!({ "method": text(&e.method) })),
        E::SignedIn(e) => (e.user_id.clone(), signed_in(&e)),
        E::Reauthenticated(e) => (e.user_id, json!({})),
        E::SignInFailed(e) => (e.user_id.clone(), sign_in_failed(&e)),
        E::Locked(e) => {
            let until = api::millis_opt(e.until.as_ref());
            (e.user_id, json!({ "until": until, "failures": e.failures, "known_device": e.known_device }))
        }
        E::Unlocked(e) => (e.user_id, json!({ "reason": text(&e.reason) })),
        E::PasswordResetRequested(e) => (e.user_id, json!({})),
        E::PasswordReset(e) => (e.user_id, json!({ "session_epoch": epoch(e.session_epoch) })),
        E::PasswordChanged(e) => (e.user_id.clone(), password_changed(&e)),
        E::EmailChangeRequested(e) => (e.user_id, json!({ "step": text(&e.step) })),
        E::EmailChanged(e) => {
            let session_epoch = epoch(e.session_epoch);
            let detail = json!({
                "by": text(&e.by), "email_verified": e.email_verified, "session_epoch": session_epoch,
            });
            (e.user_id, detail)
        }
        E::ProfileChanged(e) => {
            let fields: Vec<_> = e.fields.iter().filter_map(|field| text(field)).collect();
            (e.user_id, json!({ "fields": fields, "by": text(&e.by) }))
        }
        E::AccountLinked(e) => {
            let detail = json!({ "method": text(&e.method) });
            (e.user_id, link(&e.account_id, &e.provider_id, detail))
        }
        E::AccountUnlinked(e) => {
            let detail = json!({ "reason": text(&e.reason) });
            (e.user_id, link(&e.account_id, &e.provider_id, detail))
        }
        E::RoleAssigned(e) => (e.user_id.clone(), role_assigned(&e)),
        E::Banned(e) => {
            let until = api::millis_opt(e.until.as_ref());
            (e.user_id, json!({ "until": until, "session_epoch": epoch(e.session_epoch) }))
        }
        E::Unbanned(e) => (e.user_id, json!({ "reason": text(&e.reason) })),
        E::SessionsEnded(e) => (e.user_id, json!({ "session_epoch": epoch(e.session_epoch) })),
        E::DeletionRequested(e) => (e.user_id, json!({})),
        E::Erased(e) => (e.user_id, json!({ "by": text(&e.by), "session_epoch": epoch(e.session_epoch) })),
    };
    Entry::new(&user, detail)
}

fn registered(e: &identities::UserRegistered) -> Value {
    json!({
        "role": text(&e.role), "method": text(&e.method), "provider_id": text(&e.provider_id),
        "email_verified": e.email_verified,
    })
}

fn signed_in(e: &identities::SignedIn) -> Value {
    json!({
        "method": text(&e.method), "provider_id": text(&e.provider_id), "hash_upgraded": e.hash_upgraded,
    })
}

fn sign_in_failed(e: &identities::SignInFailed) -> Value {
    json!({
        "reason": text(&e.reason), "consecutive_failures": e.consecutive_failures, "path": text(&e.path),
    })
}

fn password_changed(e: &identities::PasswordChanged) -> Value {
    json!({
        "by": text(&e.by), "session_epoch": epoch(e.session_epoch),
        "spared_session_id": text(&e.spared_session_id),
    })
}

fn link(account_id: &str, provider_id: &str, mut detail: Value) -> Value {
    detail["account_id"] = json!(text(account_id));
    detail["provider_id"] = json!(text(provider_id));
    detail
}

fn role_assigned(e: &identities::RoleAssigned) -> Value {
    json!({
        "role": text(&e.role), "previous": text(&e.previous), "session_epoch": epoch(e.session_epoch),
    })
}

fn client(id: &str, name: &str) -> Value {
    json!({ "client_id": text(id), "client_name": text(name) })
}

fn session_entry(event: SessionEvent) -> Entry {
    use SessionEvent as E;
    match event {
        E::Started(e) => Entry::new(
            &e.user_id,
            json!({
                "session_id": text(&e.session_id), "expires_at": api::millis_opt(e.expires_at.as_ref()),
                "remember": e.remember, "impersonated_by": text(&e.impersonated_by),
            }),
        ),
        E::Prolonged(e) => Entry::new(
            &e.user_id,
            json!({
                "session_id": text(&e.session_id), "expires_at": api::millis_opt(e.expires_at.as_ref()),
            }),
        ),
        E::Revoked(e) => {
            Entry::new(&e.user_id, json!({ "session_id": text(&e.session_id), "reason": text(&e.reason) }))
        }
        E::ImpersonationStarted(e) => Entry::new(
            &e.user_id,
            json!({
                "session_id": text(&e.session_id), "admin_id": text(&e.admin_id),
                "admin_session_id": text(&e.admin_session_id),
            }),
        ),
        E::ImpersonationEnded(e) => Entry::new(
            &e.user_id,
            json!({ "session_id": text(&e.session_id), "admin_id": text(&e.admin_id) }),
        ),
        E::AccessTokenIssued(e) => Entry::new(
            &e.user_id,
            json!({
                "session_id": text(&e.session_id), "key_id": text(&e.key_id),
                "expires_at": api::millis_opt(e.expires_at.as_ref()),
            }),
        ),
        E::KeyCreated(e) => Entry::new(
            "",
            json!({
                "key_id": text(&e.key_id), "algorithm": text(&e.algorithm),
                "signs_from": api::millis_opt(e.signs_from.as_ref()),
            }),
        ),
        E::KeyRetired(e) => Entry::new(
            "",
            json!({
                "key_id": text(&e.key_id), "verifies_until": api::millis_opt(e.verifies_until.as_ref()),
            }),
        ),
        E::ClientRegistered(e) => Entry::new("", client(&e.client_id, &e.client_name)),
        E::ClientChanged(e) => {
            let mut detail = client(&e.client_id, &e.client_name);
            detail["changed"] = json!(e.changed);
            Entry::new("", detail)
        }
        E::ClientSecretRotated(e) => Entry::new("", client(&e.client_id, "")),
        E::ClientRemoved(e) => Entry::new("", client(&e.client_id, "")),
        E::ConsentGiven(e) => {
            Entry::new(&e.user_id, json!({ "client_id": text(&e.client_id), "scopes": e.scopes }))
        }
        E::ConsentWithdrawn(e) => Entry::new(&e.user_id, client(&e.client_id, "")),
        E::GrantIssued(e) => Entry::new(
            &e.user_id,
            json!({
                "client_id": text(&e.client_id), "session_id": text(&e.session_id), "scopes": e.scopes,
                "grant_type": text(&e.grant_type),
            }),
        ),
        E::GrantRevoked(e) => {
            Entry::new(&e.user_id, json!({ "client_id": text(&e.client_id), "reason": text(&e.reason) }))
        }
    }
}

/// Epochs count from 1: 0 is an event that ends no session.
fn epoch(number: u64) -> Option<u64> {
    (number > 0).then_some(number)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use chrono::DateTime;
    use eventstore::RecordedMeta;
    use kernel::{EventCodec, NewEvent};

    use super::*;

    /// Their type says all there is to say.
    const SAY_NO_MORE: [&str; 4] = [
        "user.verification_requested",
        "user.reauthenticated",
        "user.password_reset_requested",
        "user.deletion_requested",
    ];

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

    /// The types and schemas in a service's `kernel::events!`: `= "user.registered" @ 1`.
    fn declared(service: &str) -> Vec<(String, u32)> {
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(service).join("src")];
        let mut types = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let source = std::fs::read_to_string(path).unwrap();
                    types.extend(source.lines().filter_map(declaration));
                }
            }
        }
        types
    }

    fn declaration(line: &str) -> Option<(String, u32)> {
        let (event_type, schema) = line.split_once(" = \"")?.1.split_once("\" @ ")?;
        Some((event_type.to_owned(), schema.trim().trim_end_matches(',').parse().ok()?))
    }

    fn user() -> String {
        "ada".to_owned()
    }

    fn word(word: &str) -> String {
        word.to_owned()
    }

    /// One of each type of identity, with what the log says of it.
    fn identity_samples() -> Vec<(IdentityEvent, Value)> {
        use IdentityEvent as E;
        use identities as i;
        let until = Some(api::timestamp(DateTime::UNIX_EPOCH));
        let iso = "1970-01-01T00:00:00.000Z";
        vec![
            (
                E::Registered(i::UserRegistered {
                    user_id: user(),
                    role: word("student"),
                    method: word("social"),
                    email_verified: true,
                    provider_id: word("google"),
                }),
                json!({ "role": "student", "method": "social", "provider_id": "google", "email_verified": true }),
            ),
            (E::VerificationRequested(i::VerificationRequested { user_id: user() }), json!({})),
            (
                E::EmailVerified(i::EmailVerified { user_id: user(), method: word("mail") }),
                json!({ "method": "mail" }),
            ),
            (
                E::SignedIn(i::SignedIn { user_id: user(), method: word("password"), ..Default::default() }),
                json!({ "method": "password", "hash_upgraded": false }),
            ),
            (E::Reauthenticated(i::Reauthenticated { user_id: user() }), json!({})),
            (
                E::SignInFailed(i::SignInFailed {
                    user_id: user(),
                    reason: word("bad_password"),
                    consecutive_failures: 2,
                    path: word("sign_in"),
                }),
                json!({ "reason": "bad_password", "consecutive_failures": 2, "path": "sign_in" }),
            ),
            (
                E::Locked(i::UserLocked { user_id: user(), until, failures: 5, known_device: true }),
                json!({ "until": iso, "failures": 5, "known_device": true }),
            ),
            (
                E::Unlocked(i::UserUnlocked { user_id: user(), reason: word("admin") }),
                json!({ "reason": "admin" }),
            ),
            (E::PasswordResetRequested(i::PasswordResetRequested { user_id: user() }), json!({})),
            (
                E::PasswordReset(i::PasswordReset { user_id: user(), session_epoch: 2 }),
                json!({ "session_epoch": 2 }),
            ),
            (
                E::PasswordChanged(i::PasswordChanged {
                    user_id: user(),
                    by: word("user"),
                    session_epoch: 2,
                    spared_session_id: word("s1"),
                }),
                json!({ "by": "user", "session_epoch": 2, "spared_session_id": "s1" }),
            ),
        ]
    }

    fn more_identity_samples() -> Vec<(IdentityEvent, Value)> {
        use IdentityEvent as E;
        use identities as i;
        let ended = json!({ "session_epoch": 2 });
        vec![
            (
                E::EmailChangeRequested(i::EmailChangeRequested {
                    user_id: user(),
                    step: word("old_address"),
                }),
                json!({ "step": "old_address" }),
            ),
            (
                E::EmailChanged(i::EmailChanged {
                    user_id: user(),
                    by: word("user"),
                    email_verified: true,
                    session_epoch: 2,
                }),
                json!({ "by": "user", "email_verified": true, "session_epoch": 2 }),
            ),
            (
                E::ProfileChanged(i::ProfileChanged {
                    user_id: user(),
                    fields: vec![word("name")],
                    by: word("user"),
                }),
                json!({ "fields": ["name"], "by": "user" }),
            ),
            (
                E::AccountLinked(i::AccountLinked {
                    user_id: user(),
                    account_id: word("a1"),
                    provider_id: word("google"),
                    method: word("link"),
                }),
                json!({ "method": "link", "account_id": "a1", "provider_id": "google" }),
            ),
            (
                E::AccountUnlinked(i::AccountUnlinked {
                    user_id: user(),
                    account_id: word("a1"),
                    provider_id: word("google"),
                    reason: word("user"),
                }),
                json!({ "reason": "user", "account_id": "a1", "provider_id": "google" }),
            ),
            (
                E::RoleAssigned(i::RoleAssigned {
                    user_id: user(),
                    role: word("admin"),
                    previous: word("student"),
                    session_epoch: 2,
                }),
                json!({ "role": "admin", "previous": "student", "session_epoch": 2 }),
            ),
            (E::Banned(i::UserBanned { user_id: user(), until: None, session_epoch: 2 }), ended.clone()),
            (
                E::Unbanned(i::UserUnbanned { user_id: user(), reason: word("expired") }),
                json!({ "reason": "expired" }),
            ),
            (
                E::SessionsEnded(i::AllSessionsEnded {
                    user_id: user(),
                    session_epoch: 2,
                    ..Default::default()
                }),
                ended,
            ),
            (E::DeletionRequested(i::DeletionRequested { user_id: user() }), json!({})),
            (
                E::Erased(i::UserErased { user_id: user(), by: word("admin"), session_epoch: 2 }),
                json!({ "by": "admin", "session_epoch": 2 }),
            ),
        ]
    }

    /// The same of session.
    fn session_samples() -> Vec<(SessionEvent, Value)> {
        use SessionEvent as E;
        use sessions as s;
        let at = Some(api::timestamp(DateTime::UNIX_EPOCH));
        let iso = "1970-01-01T00:00:00.000Z";
        let session_id = || word("s1");
        vec![
            (
                E::Started(s::SessionStarted {
                    session_id: session_id(),
                    user_id: user(),
                    expires_at: at,
                    remember: true,
                    impersonated_by: String::new(),
                }),
                json!({ "session_id": "s1", "expires_at": iso, "remember": true }),
            ),
            (
                E::Prolonged(s::SessionProlonged {
                    session_id: session_id(),
                    user_id: user(),
                    expires_at: at,
                }),
                json!({ "session_id": "s1", "expires_at": iso }),
            ),
            (
                E::Revoked(s::SessionRevoked {
                    session_id: session_id(),
                    user_id: user(),
                    reason: word("sign_out"),
                }),
                json!({ "session_id": "s1", "reason": "sign_out" }),
            ),
            (
                E::ImpersonationStarted(s::ImpersonationStarted {
                    session_id: session_id(),
                    user_id: user(),
                    admin_id: word("root"),
                    admin_session_id: word("s0"),
                }),
                json!({ "session_id": "s1", "admin_id": "root", "admin_session_id": "s0" }),
            ),
            (
                E::ImpersonationEnded(s::ImpersonationEnded {
                    session_id: session_id(),
                    user_id: user(),
                    admin_id: word("root"),
                }),
                json!({ "session_id": "s1", "admin_id": "root" }),
            ),
            (
                E::AccessTokenIssued(s::AccessTokenIssued {
                    session_id: session_id(),
                    user_id: user(),
                    key_id: word("k1"),
                    expires_at: at,
                }),
                json!({ "session_id": "s1", "key_id": "k1", "expires_at": iso }),
            ),
            (
                E::KeyCreated(s::SigningKeyCreated {
                    key_id: word("k1"),
                    algorithm: word("RS256"),
                    signs_from: at,
                }),
                json!({ "key_id": "k1", "algorithm": "RS256", "signs_from": iso }),
            ),
            (
                E::KeyRetired(s::SigningKeyRetired { key_id: word("k1"), verifies_until: at }),
                json!({ "key_id": "k1", "verifies_until": iso }),
            ),
        ]
    }

    fn provider_samples() -> Vec<(SessionEvent, Value)> {
        use SessionEvent as E;
        use sessions as s;
        let client_id = || word("c1");
        let named = json!({ "client_id": "c1", "client_name": "LMS" });
        let scopes = || vec![word("openid")];
        vec![
            (
                E::ClientRegistered(s::ClientRegistered {
                    client_id: client_id(),
                    client_name: word("LMS"),
                    self_registered: false,
                }),
                named,
            ),
            (
                E::ClientChanged(s::ClientChanged {
                    client_id: client_id(),
                    client_name: word("LMS"),
                    changed: vec![word("scope")],
                }),
                json!({ "client_id": "c1", "client_name": "LMS", "changed": ["scope"] }),
            ),
            (
                E::ClientSecretRotated(s::ClientSecretRotated { client_id: client_id() }),
                json!({ "client_id": "c1" }),
            ),
            (E::ClientRemoved(s::ClientRemoved { client_id: client_id() }), json!({ "client_id": "c1" })),
            (
                E::ConsentGiven(s::ConsentGiven {
                    consent_id: word("n1"),
                    user_id: user(),
                    client_id: client_id(),
                    scopes: scopes(),
                }),
                json!({ "client_id": "c1", "scopes": ["openid"] }),
            ),
            (
                E::ConsentWithdrawn(s::ConsentWithdrawn {
                    consent_id: word("n1"),
                    user_id: user(),
                    client_id: client_id(),
                }),
                json!({ "client_id": "c1" }),
            ),
            (
                E::GrantIssued(s::GrantIssued {
                    grant_id: word("g1"),
                    user_id: user(),
                    client_id: client_id(),
                    session_id: word("s1"),
                    scopes: scopes(),
                    grant_type: word("authorization_code"),
                }),
                json!({
                    "client_id": "c1", "session_id": "s1", "scopes": ["openid"],
                    "grant_type": "authorization_code",
                }),
            ),
            (
                E::GrantRevoked(s::GrantRevoked {
                    grant_id: word("g1"),
                    user_id: user(),
                    client_id: client_id(),
                    reason: word("revoked"),
                }),
                json!({ "client_id": "c1", "reason": "revoked" }),
            ),
        ]
    }

    fn samples() -> Vec<(&'static str, NewEvent, Value)> {
        let identity = identity_samples().into_iter().chain(more_identity_samples());
        let identity = identity.map(|(event, says)| ("identity", event.encode(), says));
        let session = session_samples().into_iter().chain(provider_samples());
        let session = session.map(|(event, says)| ("session", event.encode(), says));
        identity.chain(session).collect()
    }

    #[test]
    fn every_event_of_identity_and_session_has_its_detail() {
        for (store, event, says) in samples() {
            let event_type = event.event_type;
            let entry = entry(&recorded(store, event)).unwrap();
            assert_eq!(entry.detail, says, "{event_type}");
            assert_eq!(says == json!({}), SAY_NO_MORE.contains(&event_type), "{event_type}");
            let of_nobody = ["key.", "client."].iter().any(|of| event_type.starts_with(of));
            assert_eq!(entry.user_id, (!of_nobody).then(user), "{event_type}");
        }
    }

    #[test]
    fn no_event_that_identity_or_session_declares_is_forgotten_here() {
        for store in ["identity", "session"] {
            let mut known: Vec<(String, u32)> = samples()
                .into_iter()
                .filter(|(of, ..)| *of == store)
                .map(|(_, event, _)| (event.event_type.to_owned(), event.schema))
                .collect();
            // Those that a service reads of others are not its own.
            let mut declared = declared(store);
            declared.retain(|(event_type, _)| store == "identity" || !event_type.starts_with("user."));
            known.sort();
            declared.sort();
            declared.dedup();
            assert_eq!(declared, known, "a type of {store} without a detail, or one that is gone");
        }
    }

    #[test]
    fn a_type_or_shape_that_is_not_known_is_recorded_by_its_type_and_broken_bytes_are_refused() {
        for (event_type, schema) in [("user.teleported", 1), ("user.signed_in", 2)] {
            let newer = NewEvent { event_type, schema, data: vec![0xff] };
            let expected = Entry { user_id: Some(user()), detail: json!({}) };
            assert_eq!(entry(&recorded("identity", newer.clone())).unwrap(), expected);
            let expected = Entry { user_id: None, detail: json!({}) };
            assert_eq!(entry(&recorded("session", newer)).unwrap(), expected);
        }
        let broken = NewEvent { event_type: "user.signed_in", schema: 1, data: vec![0xff] };
        assert!(matches!(entry(&recorded("identity", broken)), Err(CodecError::Malformed { .. })));
    }

    #[test]
    fn a_character_that_postgres_cannot_hold_does_not_stop_the_log() {
        let event = SessionEvent::Revoked(sessions::SessionRevoked {
            reason: word("a\0b"),
            ..sessions::SessionRevoked::default()
        });
        let entry = entry(&recorded("session", event.encode())).unwrap();
        assert_eq!(entry.detail["reason"], "a\u{fffd}b");
    }
}
