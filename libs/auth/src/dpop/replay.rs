use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use super::{MAX_AGE, MAX_AHEAD, Proof, ProofError};

/// 2800 proofs a second, which is at most 50 MiB.
const CAPACITY: usize = 262_144;
/// One key may use this part of the room, so that nobody can fill it alone.
const SHARES: usize = 16;

/// Which proofs were used while they are still good: in the memory of one process. Each process
/// behind a balancer keeps its own, so that a proof is good once at each.
#[derive(Debug)]
pub struct ReplayCache {
    used: Mutex<Used>,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Used {
    ids: HashSet<[u8; 32]>,
    of_key: HashMap<Arc<str>, usize>,
    /// Oldest first.
    queue: VecDeque<Entry>,
}

#[derive(Debug)]
struct Entry {
    forget_at: DateTime<Utc>,
    id: [u8; 32],
    key: Arc<str>,
}

impl Default for ReplayCache {
    fn default() -> Self {
        Self::new(CAPACITY)
    }
}

impl ReplayCache {
    /// Remembers at most this many proofs, and refuses more: what is not remembered could be
    /// replayed.
    pub fn new(capacity: usize) -> Self {
        Self { used: Mutex::default(), capacity }
    }

    /// Takes a proof, once. Only proofs whose key is that of a verified token belong here: anybody
    /// can make the others.
    ///
    /// # Errors
    /// [`ProofError::Replayed`], [`ProofError::TooMany`].
    pub fn admit(&self, proof: &Proof, now: DateTime<Utc>) -> Result<(), ProofError> {
        let id = id_of(proof);
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.forget(now);
        if used.ids.contains(&id) {
            return Err(ProofError::Replayed);
        }
        let (key, of_key) = match used.of_key.get_key_value(proof.jkt.as_str()) {
            Some((key, count)) => (Arc::clone(key), *count),
            None => (Arc::from(proof.jkt.as_str()), 0),
        };
        if used.ids.len() >= self.capacity || of_key >= (self.capacity / SHARES).max(1) {
            return Err(ProofError::TooMany);
        }
        used.of_key.insert(Arc::clone(&key), of_key + 1);
        used.ids.insert(id);
        // By then it is refused for its age, whatever its sender's clock says.
        let forget_at = now + MAX_AGE + MAX_AHEAD + TimeDelta::seconds(1);
        used.queue.push_back(Entry { forget_at, id, key });
        Ok(())
    }
}

impl Used {
    fn forget(&mut self, now: DateTime<Utc>) {
        while self.queue.front().is_some_and(|oldest| oldest.forget_at < now) {
            let Some(Entry { id, key, .. }) = self.queue.pop_front() else { return };
            self.ids.remove(&id);
            if let Some(count) = self.of_key.get_mut(&key) {
                *count -= 1;
                if *count == 0 {
                    self.of_key.remove(&key);
                }
            }
        }
    }
}

/// The thumbprint has one length, so that no two pairs have the same text.
fn id_of(proof: &Proof) -> [u8; 32] {
    Sha256::new().chain_update(&proof.jkt).chain_update(&proof.jti).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn proof(key: usize, jti: usize) -> Proof {
        Proof { jkt: format!("{key:043}"), jti: jti.to_string(), iat: 0 }
    }

    #[test]
    fn a_proof_is_taken_once_by_its_key_and_id() {
        let cache = ReplayCache::default();
        assert_eq!(cache.admit(&proof(1, 1), START), Ok(()));
        assert_eq!(cache.admit(&proof(1, 2), START), Ok(()));
        assert_eq!(cache.admit(&proof(2, 1), START), Ok(()));
        assert_eq!(cache.admit(&proof(1, 1), START + MAX_AGE + MAX_AHEAD), Err(ProofError::Replayed));
    }

    #[test]
    fn one_key_cannot_take_the_room_of_all_and_room_comes_back() {
        let cache = ReplayCache::new(32);
        assert_eq!([1, 2, 3].map(|jti| cache.admit(&proof(0, jti), START).is_ok()), [true, true, false]);
        for key in 1..16 {
            assert_eq!([1, 2].map(|jti| cache.admit(&proof(key, jti), START)), [Ok(()), Ok(())]);
        }
        assert_eq!(cache.admit(&proof(99, 1), START), Err(ProofError::TooMany));
        let later = START + MAX_AGE + MAX_AHEAD + TimeDelta::seconds(2);
        assert_eq!(cache.admit(&proof(99, 1), later), Ok(()));
        assert_eq!(cache.admit(&proof(0, 3), later), Ok(()));
        let used = cache.used.lock().unwrap();
        assert_eq!((used.ids.len(), used.of_key.len(), used.queue.len()), (2, 2, 2));
    }
}
