//! Argon2id behind a bounded queue.

use std::sync::Arc;
use std::time::Instant;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use kernel::{Entropy, Error};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error;

/// OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;

/// How much of the machine password hashing may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashingOptions {
    /// Hashes computed side by side, 19 MiB each.
    pub parallel: usize,
    /// Sign-ins and sign-ups that may wait for one of them; the next is told to come back.
    pub queue: usize,
}

impl Default for HashingOptions {
    /// One per core, and a queue that empties in about a second.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { parallel: cores, queue: 32 * cores }
    }
}

/// Hashes and verifies passwords on blocking threads, never more than allowed.
#[derive(Debug, Clone)]
pub(crate) struct Hasher {
    argon2: Argon2<'static>,
    /// Who is in: hashing or waiting.
    admitted: Arc<Semaphore>,
    /// Who is hashing.
    running: Arc<Semaphore>,
}

/// A place in the queue, given up when dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    _place: OwnedSemaphorePermit,
}

impl Hasher {
    pub(crate) fn new(options: HashingOptions) -> Result<Self, Error> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
            .map_err(|error| error::invalid_options(format!("argon2 parameters: {error}")))?;
        let parallel = options.parallel.max(1);
        Ok(Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            admitted: Arc::new(Semaphore::new(parallel + options.queue)),
            running: Arc::new(Semaphore::new(parallel)),
        })
    }

    /// Takes a place in the queue.
    ///
    /// # Errors
    /// `HASH_QUEUE_FULL` at once, rather than an answer after the caller has gone.
    pub(crate) fn admit(&self) -> Result<Ticket, Error> {
        Arc::clone(&self.admitted).try_acquire_owned().map(|place| Ticket { _place: place }).map_err(|_| {
            metrics::counter!("identity_hash_queue_full_total").increment(1);
            error::hash_queue_full()
        })
    }

    /// A PHC string of the password under a fresh salt.
    pub(crate) async fn hash(
        &self,
        ticket: Ticket,
        password: SecretString,
        entropy: &dyn Entropy,
    ) -> Result<String, Error> {
        let mut salt = [0_u8; SALT_BYTES];
        entropy.fill(&mut salt);
        self.run(ticket, move |argon2| {
            argon2
                .hash_password_with_salt(password.expose_secret().as_bytes(), &salt)
                .map(|hash| hash.to_string())
                .map_err(|error| defect("a password could not be hashed", &error))
        })
        .await
    }

    /// Whether the password is the one hashed. Without a hash the work is done all the same and
    /// the answer is no: the time taken tells nothing about whether there is an account.
    pub(crate) async fn verify(
        &self,
        ticket: Ticket,
        password: SecretString,
        phc: Option<String>,
    ) -> Result<bool, Error> {
        self.run(ticket, move |argon2| {
            let password = password.expose_secret().as_bytes();
            let Some(phc) = phc else {
                let outcome: Result<PasswordHash, _> =
                    argon2.hash_password_with_salt(password, &[0_u8; SALT_BYTES]);
                drop(outcome);
                return Ok(false);
            };
            let hash =
                PasswordHash::new(&phc).map_err(|error| defect("a stored hash is unreadable", &error))?;
            match argon2.verify_password(password, &hash) {
                Ok(()) => Ok(true),
                Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
                Err(error) => Err(defect("a password could not be verified", &error)),
            }
        })
        .await
    }

    async fn run<T, F>(&self, ticket: Ticket, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Argon2<'static>) -> Result<T, Error> + Send + 'static,
    {
        let permit = Arc::clone(&self.running).acquire_owned().await.map_err(|_| Error::internal())?;
        let argon2 = self.argon2.clone();
        // Both places are held by the thread: a caller who hangs up does not make room for more.
        let computed = tokio::task::spawn_blocking(move || {
            let _held = (ticket, permit);
            let started = Instant::now();
            let outcome = work(&argon2);
            metrics::histogram!("identity_hash_seconds").record(started.elapsed());
            outcome
        });
        computed.await.map_err(|error| defect("the hashing thread failed", &error))?
    }
}

fn defect(what: &'static str, error: &dyn std::fmt::Display) -> Error {
    tracing::error!(%error, what);
    Error::internal()
}

#[cfg(test)]
mod tests {
    use kernel::SeededEntropy;

    use super::*;

    fn hasher(parallel: usize, queue: usize) -> Hasher {
        Hasher::new(HashingOptions { parallel, queue }).unwrap()
    }

    #[tokio::test]
    async fn a_password_verifies_against_its_own_hash_only() {
        let hasher = hasher(1, 0);
        let entropy = SeededEntropy::new(1);
        let phc = hasher.hash(hasher.admit().unwrap(), "right".into(), &entropy).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        let again = hasher.hash(hasher.admit().unwrap(), "right".into(), &entropy).await.unwrap();
        assert_ne!(phc, again, "salted");
        for (password, phc, expected) in
            [("right", Some(phc.clone()), true), ("wrong", Some(phc), false), ("right", None, false)]
        {
            let ticket = hasher.admit().unwrap();
            assert_eq!(hasher.verify(ticket, password.into(), phc).await, Ok(expected));
        }
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_says_when_to_come_back() {
        let hasher = hasher(1, 1);
        let held = (hasher.admit().unwrap(), hasher.admit().unwrap());
        let refused = hasher.admit().unwrap_err();
        assert_eq!((refused.code, &*refused.reason), (kernel::ErrorCode::Unavailable, "HASH_QUEUE_FULL"));
        assert!(matches!(refused.retry, kernel::Retry::After(_)));
        drop(held.0);
        assert!(hasher.admit().is_ok());
    }
}
