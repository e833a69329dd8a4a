use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::identity::User;
use api::session::{GetSessionRequest, MintAccessTokenRequest, Session};
use aws_lc_rs::digest::{SHA256, digest};
use chrono::{DateTime, TimeDelta, Utc};
use kernel::{Error, ErrorCode};
use quick_cache::sync::Cache;
use tokio::time::Instant;

use crate::error::from_peer;
use crate::state::App;

/// Sessions kept in memory; the longest unused ones leave first.
const CAPACITY: usize = 50_000;
/// The session service is asked again at least this often.
const KEPT: Duration = Duration::from_mins(1);
/// While it is away, what it said last holds as long as an access token would.
const KEPT_WHILE_AWAY: Duration = Duration::from_hours(6);
/// An access token is handed out again within this time.
const TOKEN_KEPT: Duration = Duration::from_mins(10);
/// As the session service does it: a session in use is prolonged once a day.
const PROLONG_EVERY: TimeDelta = TimeDelta::days(1);

/// What the session service said of session tokens, kept for a moment, by the token's SHA-256.
///
/// Nothing is answered from here unless the revocation feed is fresh and has not told of a change.
pub struct LiveSessions(Cache<[u8; 32], Arc<LiveSession>>);

impl fmt::Debug for LiveSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LiveSessions")
    }
}

impl Default for LiveSessions {
    fn default() -> Self {
        Self(Cache::new(CAPACITY))
    }
}

/// A session with its user.
pub struct LiveSession {
    pub session: Session,
    pub user: User,
    read_at: Instant,
    expires_at: DateTime<Utc>,
    prolong_at: DateTime<Utc>,
    access_token: Mutex<Option<(String, Instant)>>,
}

impl fmt::Debug for LiveSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveSession").field("session", &self.session.id).finish_non_exhaustive()
    }
}

/// What became of asking for a session.
#[derive(Debug)]
pub struct Found {
    pub live: Arc<LiveSession>,
    /// Its end moved: the cookie must be set again.
    pub prolonged: bool,
}

/// Whether being asked for keeps a session alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    Prolong,
    Look,
}

impl LiveSession {
    fn read(answer: api::session::GetSessionResponse, read_at: Instant) -> Result<Self, Error> {
        let session = answer.session.ok_or_else(Error::internal)?;
        let user = answer.user.ok_or_else(Error::internal)?;
        let expires_at = api::time(session.expires_at.as_ref()).map_err(|_| Error::internal())?;
        let updated_at = api::time(session.updated_at.as_ref()).map_err(|_| Error::internal())?;
        let prolong_at = updated_at + PROLONG_EVERY.min((expires_at - updated_at) / 2);
        Ok(Self { session, user, read_at, expires_at, prolong_at, access_token: Mutex::default() })
    }

    fn minted(&self) -> Option<(String, Instant)> {
        self.access_token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl App {
    /// The session of a token; none when there is no live one.
    ///
    /// # Errors
    /// Unavailable when that cannot be told.
    pub async fn live_session(&self, token: &str, touch: Touch) -> Result<Option<Found>, Error> {
        let key = key(token);
        let kept = self.live_sessions.0.get(&key).filter(|kept| self.holds(kept));
        if let Some(kept) = &kept
            && kept.read_at.elapsed() < KEPT
            && (touch == Touch::Look || !self.is_due(kept))
        {
            return Ok(Some(Found { live: Arc::clone(kept), prolonged: false }));
        }
        let read_at = Instant::now();
        let request = GetSessionRequest { token: token.to_owned(), disable_refresh: touch == Touch::Look };
        match self.sessions().get_session(request).await {
            Ok(answer) => {
                let answer = answer.into_inner();
                let prolonged = answer.refreshed;
                let live = LiveSession::read(answer, read_at)?;
                Ok(Some(Found { live: self.keep(key, live, kept.as_deref()), prolonged }))
            }
            Err(status) => {
                let error = from_peer(&status);
                match error.code {
                    ErrorCode::NotFound => {
                        self.live_sessions.0.remove(&key);
                        Ok(None)
                    }
                    // The feed is fresh all the same: it would have told of an end.
                    ErrorCode::Unavailable => {
                        kept.map(|live| Some(Found { live, prolonged: false })).ok_or(error)
                    }
                    _ => Err(error),
                }
            }
        }
    }

    /// The session of this token has just been ended here: no event is waited for.
    pub fn forget_session(&self, token: &str) {
        if let Some((_, kept)) = self.live_sessions.0.remove(&key(token)) {
            self.revocation.touch(kept.session.id.clone());
        }
    }

    /// An access token of the session: the one that was made for it a moment ago, or a new one.
    /// `None` when the session is no more.
    pub async fn recent_access_token(
        &self,
        token: &str,
        live: &LiveSession,
    ) -> Result<Option<String>, Error> {
        if let Some((minted, at)) = live.minted()
            && at.elapsed() < TOKEN_KEPT
            && self.revocation.keys_unchanged_since(at)
        {
            return Ok(Some(minted));
        }
        let asked_at = Instant::now();
        let minted = self.mint_access_token(token).await?;
        if let Some(minted) = &minted {
            let mut kept = live.access_token.lock().unwrap_or_else(PoisonError::into_inner);
            *kept = Some((minted.clone(), asked_at));
        }
        Ok(minted)
    }

    /// `None` when the session is no more.
    async fn mint_access_token(&self, token: &str) -> Result<Option<String>, Error> {
        let request = MintAccessTokenRequest { session_token: token.to_owned() };
        match self.sessions().mint_access_token(request).await {
            Ok(minted) => Ok(Some(minted.into_inner().access_token)),
            Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
            Err(status) => Err(from_peer(&status)),
        }
    }

    /// Is what is kept still true, as far as the feed can tell?
    fn holds(&self, kept: &LiveSession) -> bool {
        let LiveSession { session, user, .. } = kept;
        self.revocation.is_fresh()
            && kept.read_at.elapsed() < KEPT_WHILE_AWAY
            && kept.expires_at > self.clock.now()
            && self.revocation.unchanged_since(kept.read_at, &session.id, &user.id)
            && !self.revocation.is_revoked(&session.id, &user.id, session.epoch)
    }

    fn is_due(&self, kept: &LiveSession) -> bool {
        kept.session.remember && self.clock.now() >= kept.prolong_at
    }

    fn keep(&self, key: [u8; 32], live: LiveSession, before: Option<&LiveSession>) -> Arc<LiveSession> {
        let same = before.filter(|before| before.user == live.user && before.session == live.session);
        if let Some(minted) = same.and_then(LiveSession::minted) {
            *live.access_token.lock().unwrap_or_else(PoisonError::into_inner) = Some(minted);
        }
        let live = Arc::new(live);
        // One in which an administrator acts ends with the administrator's own, of which no event of
        // this session tells.
        if live.session.impersonated_by.is_empty() {
            self.live_sessions.0.insert(key, Arc::clone(&live));
        }
        live
    }
}

fn key(token: &str) -> [u8; 32] {
    let mut key = [0; 32];
    key.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    key
}
