use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use api::events::identity::SessionsEnded;
use api::events::session::{GrantRevoked, SessionFact};
use api::identity::ListEpochsRequest;
use api::identity::identity_client::IdentityClient;
use api::session::ListRevocationsRequest;
use api::session::revocation::Of;
use api::session::sessions_client::SessionsClient;
use async_trait::async_trait;
use auth::{Claims, LONGEST_TOKEN, Revocations, Verifier};
use eventstore::RecordedEvent;
use kernel::Clock;
use projection::{Observer, ReadError, RemoteEventLogs, Tail};
use prost::Message;
use runtime::{Deps, PeerChannel};
use tokio::time::Instant;

/// What is known of sessions is relied upon only while it is no older than this.
const FRESH: Duration = Duration::from_secs(1);
/// What changed longer ago than this is in nobody's cache any more.
const REMEMBERED: Duration = Duration::from_hours(7);
const SWEEP_EVERY: Duration = Duration::from_mins(5);

const IDENTITY: &str = "identity";
const SESSION: &str = "session";
/// A week of sign-outs of a large school.
const MAX_SNAPSHOT: usize = 64 * 1024 * 1024;

/// Facts of identity that leave what others see of the user as it was.
const UNSEEN: [&str; 9] = [
    "user.signed_in",
    "user.sign_in_failed",
    "user.reauthenticated",
    "user.locked",
    "user.unlocked",
    "user.verification_requested",
    "user.password_reset_requested",
    "user.email_change_requested",
    "user.deletion_requested",
];

/// Which sessions ended and which users changed, as events tell it: each gateway knows it by itself
/// within a moment, and knows when it does not.
#[derive(Debug)]
pub struct RevocationFeed {
    known: Arc<Known>,
    tails: [Tail; 2],
}

struct Known {
    revocations: Revocations,
    changes: RwLock<Changes>,
    identity: IdentityClient<PeerChannel>,
    sessions: SessionsClient<PeerChannel>,
    clock: Arc<dyn Clock>,
    verifier: Arc<Verifier>,
}

impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Known")
    }
}

/// When a user or a session was last heard to have changed, by id.
struct Changes {
    at: HashMap<String, Instant>,
    /// Nothing is known of before.
    since: Instant,
    /// When the signing keys were last heard to have changed.
    keys_at: Instant,
    swept_at: Instant,
}

impl RevocationFeed {
    /// `verifier` looks at the issuer's keys again when they have changed.
    pub fn new(deps: &Deps, verifier: Arc<Verifier>) -> Self {
        let (identity, session) = (deps.peers.channel(IDENTITY), deps.peers.channel(SESSION));
        let now = Instant::now();
        let known = Arc::new(Known {
            revocations: Revocations::default(),
            changes: RwLock::new(Changes { at: HashMap::new(), since: now, keys_at: now, swept_at: now }),
            identity: IdentityClient::new(identity.clone()).max_decoding_message_size(MAX_SNAPSHOT),
            sessions: SessionsClient::new(session.clone()).max_decoding_message_size(MAX_SNAPSHOT),
            clock: Arc::clone(&deps.clock),
            verifier,
        });
        let logs = RemoteEventLogs::default().remote(IDENTITY, identity).remote(SESSION, session);
        let logs = Arc::new(logs);
        let tails = [IDENTITY, SESSION].map(|store| {
            let bus = (deps.nats.clone(), deps.namespace.as_str());
            let observer: Arc<dyn Observer> = known.clone();
            Tail::new(store, bus, logs.clone(), observer, Arc::clone(&deps.clock))
        });
        Self { known, tails }
    }

    pub fn tails(&self) -> [Tail; 2] {
        self.tails.clone()
    }

    /// Everything that ended a second ago is known here.
    pub fn is_fresh(&self) -> bool {
        self.tails.iter().all(|tail| tail.age().is_some_and(|age| age < FRESH))
    }

    /// Something is being done here to a user or a session: what follows on this gateway does not
    /// wait for the event.
    pub fn touch(&self, id: String) {
        self.known.touch(id);
    }

    /// Can [`Self::is_revoked`] be believed?
    pub fn may_tell(&self, session: &str, user: &str) -> bool {
        let Some(lately) = Instant::now().checked_sub(2 * FRESH) else { return false };
        self.is_fresh() && self.unchanged_since(lately, session, user)
    }

    /// Has the session ended, as far as is known?
    pub fn is_revoked(&self, session: &str, user: &str, epoch: u64) -> bool {
        self.known.revocations.is_revoked(session, user, epoch)
    }

    /// Has the session or the grant of a token ended, as far as is known?
    pub fn has_ended(&self, claims: &Claims) -> bool {
        self.known.revocations.has_ended(claims)
    }

    /// Have the signing keys been the same since?
    pub fn keys_unchanged_since(&self, signed_at: Instant) -> bool {
        let changes = self.known.changes.read().unwrap_or_else(PoisonError::into_inner);
        changes.since < signed_at && changes.keys_at < signed_at
    }

    /// Is what was read at `read_at` of the session and its user still so?
    pub fn unchanged_since(&self, read_at: Instant, session: &str, user: &str) -> bool {
        let changes = self.known.changes.read().unwrap_or_else(PoisonError::into_inner);
        let untouched = |id: &str| changes.at.get(id).is_none_or(|changed| *changed < read_at);
        changes.since < read_at && untouched(session) && untouched(user)
    }
}

impl Known {
    fn touch(&self, id: String) {
        let now = Instant::now();
        let mut changes = self.changes.write().unwrap_or_else(PoisonError::into_inner);
        changes.at.insert(id, now);
        if now - changes.swept_at > SWEEP_EVERY {
            changes.swept_at = now;
            changes.at.retain(|_, at| now - *at < REMEMBERED);
        }
    }

    async fn load_revocations(&self) -> Result<(), tonic::Status> {
        let since = Some(api::timestamp(self.clock.now() - LONGEST_TOKEN));
        let answer = self.sessions.clone().list_revocations(ListRevocationsRequest { since }).await?;
        for revocation in answer.into_inner().revocations {
            let at = api::time(revocation.revoked_at.as_ref()).unwrap_or_else(|_| self.clock.now());
            match revocation.of {
                Some(Of::SessionId(session)) => self.revocations.end_session(session, at),
                Some(Of::GrantId(grant)) => self.revocations.end_grant(grant, at),
                None => {}
            }
        }
        Ok(())
    }

    async fn load_epochs(&self) -> Result<(), tonic::Status> {
        let now = self.clock.now();
        let changed_since = Some(api::timestamp(now - LONGEST_TOKEN));
        let answer = self.identity.clone().list_epochs(ListEpochsRequest { changed_since }).await?;
        for epoch in answer.into_inner().epochs {
            let (number, spared) = (epoch.session_epoch, epoch.spared_session_id);
            self.revocations.begin_epoch(epoch.user_id, number, spared, now);
        }
        Ok(())
    }
}

#[async_trait]
impl Observer for Known {
    async fn load(&self, store: &str) -> Result<(), ReadError> {
        let loaded = match store {
            IDENTITY => self.load_epochs().await,
            _ => self.load_revocations().await,
        };
        loaded.map_err(|status| ReadError::Unavailable {
            store: store.to_owned(),
            detail: format!("{:?}: {}", status.code(), status.message()),
        })?;
        // Events before this moment were not observed: what was read before counts for nothing.
        self.changes.write().unwrap_or_else(PoisonError::into_inner).since = Instant::now();
        Ok(())
    }

    fn observe(&self, event: &RecordedEvent) {
        match (event.store.as_str(), event.event_type.as_str()) {
            (IDENTITY, unseen) if UNSEEN.contains(&unseen) => {}
            (IDENTITY, _) => match SessionsEnded::decode(event.data.as_slice()) {
                Ok(ended) => {
                    if ended.session_epoch > 0 {
                        let SessionsEnded { user_id, session_epoch, spared_session_id } = ended.clone();
                        self.revocations.begin_epoch(user_id, session_epoch, spared_session_id, event.at);
                    }
                    self.touch(ended.user_id);
                }
                Err(error) => defect(event, &error),
            },
            (_, kind) if kind.starts_with("session.") => match SessionFact::decode(event.data.as_slice()) {
                Ok(session) => {
                    if kind == "session.revoked" {
                        self.revocations.end_session(session.session_id.clone(), event.at);
                    }
                    self.touch(session.session_id);
                }
                Err(error) => defect(event, &error),
            },
            (SESSION, "grant.revoked") => match GrantRevoked::decode(event.data.as_slice()) {
                Ok(revoked) => self.revocations.end_grant(revoked.grant_id, event.at),
                Err(error) => defect(event, &error),
            },
            (SESSION, kind) if kind.starts_with("key.") => {
                self.verifier.keys().expire();
                self.changes.write().unwrap_or_else(PoisonError::into_inner).keys_at = Instant::now();
            }
            _ => {}
        }
    }
}

fn defect(event: &RecordedEvent, error: &prost::DecodeError) {
    let RecordedEvent { store, position, event_type, .. } = event;
    tracing::error!(store, position, event_type, %error, "an event cannot be read");
}
