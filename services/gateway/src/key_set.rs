use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use api::session::GetJwksRequest;
use kernel::Error;
use tokio::time::Instant;

use crate::error::from_peer;
use crate::state::App;

/// The session service is asked again after this: a rotation shows within it.
const KEPT: Duration = Duration::from_secs(1);
/// While it is away, what it said last holds as long as resource servers may keep it anyway.
const KEPT_WHILE_AWAY: Duration = Duration::from_mins(5);

/// The published key set (RFC 7517, section 5) as the session service wrote it last.
#[derive(Debug, Default)]
pub struct KeySet(RwLock<Option<(Instant, bytes::Bytes)>>);

impl KeySet {
    /// What was heard no longer ago than that.
    fn kept(&self, most: Duration) -> Option<bytes::Bytes> {
        let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
        kept.as_ref().filter(|(at, _)| at.elapsed() < most).map(|(_, json)| json.clone())
    }
}

impl App {
    /// The key set in JSON.
    ///
    /// # Errors
    /// Unavailable when the session service is away for longer than what it said last may be kept.
    pub async fn published_keys(&self) -> Result<bytes::Bytes, Error> {
        if let Some(json) = self.key_set.kept(KEPT) {
            return Ok(json);
        }
        let asked_at = Instant::now();
        match self.sessions().get_jwks(GetJwksRequest {}).await {
            Ok(answer) => {
                let json = bytes::Bytes::from(answer.into_inner().jwks_json);
                let mut kept = self.key_set.0.write().unwrap_or_else(PoisonError::into_inner);
                *kept = Some((asked_at, json.clone()));
                Ok(json)
            }
            Err(status) => self.key_set.kept(KEPT_WHILE_AWAY).ok_or_else(|| from_peer(&status)),
        }
    }
}
