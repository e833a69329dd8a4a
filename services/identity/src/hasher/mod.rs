//! Argon2id behind a bounded queue. Hashes of other kinds, of accounts that came from elsewhere,
//! are verified and reported as worth replacing.

mod memory;
mod stored;

use std::sync::Arc;
use std::time::{Duration, Instant};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, Version};
use kernel::{Entropy, Error};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use self::memory::Memory;
use self::stored::{Stored, normalised};
use crate::error;

/// OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
/// Whoever waits longer for a turn is told so while the caller still listens (5 s).
const PATIENCE: Duration = Duration::from_secs(3);

/// How much of the machine password hashing may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashingOptions {
    /// Hashes computed side by side, `memory_kib` each. An imported one takes what it was made
    /// with: scrypt 32 MiB, argon2id up to 256 MiB.
    pub parallel: usize,
    /// Sign-ins and sign-ups that may wait for one of them; the next is told to come back.
    pub queue: usize,
    /// Argon2id's memory in KiB, at most 256 MiB and with the passes at most 1 GiB in all.
    pub memory_kib: u32,
    /// Argon2id's passes over it.
    pub passes: u32,
    /// Argon2id's lanes, at most 16. They are computed one after the other.
    pub lanes: u32,
}

impl Default for HashingOptions {
    /// One per core, a queue that empties in about a second, and the cost that OWASP asks for.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { parallel: cores, queue: 32 * cores, memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES }
    }
}

impl HashingOptions {
    /// # Errors
    /// `INVALID_OPTIONS`.
    pub fn check(self) -> Result<(), Error> {
        Hasher::new(self).map(drop)
    }
}

/// What came of comparing a password with a stored hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verified {
    Right {
        /// The hash is of another kind or cheaper than what is made today: replace it while the
        /// password is at hand.
        upgrade: bool,
    },
    Wrong,
}

/// Hashes and verifies passwords on blocking threads, never more than allowed.
#[derive(Debug, Clone)]
pub(crate) struct Hasher {
    engine: Engine,
    /// Who is in: hashing or waiting.
    admitted: Arc<Semaphore>,
    /// Who is hashing.
    running: Arc<Semaphore>,
}

/// Computes argon2id.
#[derive(Debug, Clone)]
struct Engine {
    /// With the cost of today.
    argon2: Argon2<'static>,
    memory: Arc<Memory>,
}

impl Engine {
    fn new(params: Params) -> Self {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        Self { argon2, memory: Arc::default() }
    }

    fn current(&self) -> &Params {
        self.argon2.params()
    }

    /// As many bytes as `argon2` is set to, 32 unless it says otherwise.
    fn compute(
        &self,
        argon2: &Argon2<'_>,
        password: &SecretString,
        salt: &[u8],
    ) -> Result<Output, argon2::Error> {
        let length = argon2.params().output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let mut out = [0_u8; Output::MAX_LENGTH];
        let out = out.get_mut(..length).ok_or(argon2::Error::OutputTooLong)?;
        let password = password.expose_secret().as_bytes();
        self.memory.hash(argon2, (password, salt), out, self.current().block_count())?;
        Output::new(out).map_err(|_| argon2::Error::OutputTooLong)
    }
}

/// A place in the queue, given up when dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    _place: OwnedSemaphorePermit,
}

impl Hasher {
    pub(crate) fn new(options: HashingOptions) -> Result<Self, Error> {
        let params = Params::new(options.memory_kib, options.passes, options.lanes, None)
            .map_err(|error| error::invalid_options(format!("argon2 parameters: {error}")))?;
        if !stored::affordable(&params) {
            return Err(error::invalid_options("argon2 parameters: costlier than allowed".to_owned()));
        }
        let parallel = options.parallel.max(1);
        Ok(Self {
            engine: Engine::new(params),
            admitted: Arc::new(Semaphore::new(parallel + options.queue)),
            running: Arc::new(Semaphore::new(parallel)),
        })
    }

    /// Takes a place in the queue.
    ///
    /// # Errors
    /// `HASH_QUEUE_FULL` at once, rather than an answer after the caller has gone.
    pub(crate) fn admit(&self) -> Result<Ticket, Error> {
        Arc::clone(&self.admitted)
            .try_acquire_owned()
            .map(|place| Ticket { _place: place })
            .map_err(|_| queue_full())
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
        self.run(ticket, move |engine| {
            let unusable = |error: &dyn std::fmt::Display| defect("a password could not be hashed", error);
            let output = engine.compute(&engine.argon2, &normalised(&password), &salt);
            let hash = PasswordHash {
                algorithm: Algorithm::Argon2id.ident(),
                version: Some(Version::V0x13.into()),
                params: ParamsString::try_from(engine.current()).map_err(|error| unusable(&error))?,
                salt: Some(Salt::new(&salt).map_err(|error| unusable(&error))?),
                hash: Some(output.map_err(|error| unusable(&error))?),
            };
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether the password is the one hashed. Without a hash the work is done all the same and
    /// the answer is no: the time taken tells nothing about whether there is an account.
    ///
    /// # Errors
    /// `INTERNAL`, at once, for a stored hash of no known kind, malformed or costlier than allowed.
    pub(crate) async fn verify(
        &self,
        ticket: Ticket,
        password: SecretString,
        stored: Option<String>,
    ) -> Result<Verified, Error> {
        let unusable = |defect| self::defect("a stored hash cannot be used", &defect);
        let stored = stored.map(|text| Stored::parse(&text)).transpose().map_err(unusable)?;
        self.run(ticket, move |engine| {
            let Some(stored) = stored else {
                let outcome = engine.compute(&engine.argon2, &normalised(&password), &[0_u8; SALT_BYTES]);
                std::hint::black_box(&outcome);
                return Ok(Verified::Wrong);
            };
            stored.verify(&password, engine).map_err(unusable)
        })
        .await
    }

    /// Gives memory back that no hash has used for a while.
    pub(crate) async fn tend(self, shutdown: CancellationToken) {
        while shutdown.run_until_cancelled(tokio::time::sleep(memory::KEPT)).await.is_some() {
            self.engine.memory.release();
        }
    }

    async fn run<T, F>(&self, ticket: Ticket, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Engine) -> Result<T, Error> + Send + 'static,
    {
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.running).acquire_owned()).await;
        let permit = turn.map_err(|_| queue_full())?.map_err(|_| Error::internal())?;
        let engine = self.engine.clone();
        // Both places are held by the thread: a caller who hangs up does not make room for more.
        let computed = tokio::task::spawn_blocking(move || {
            let _held = (ticket, permit);
            let started = Instant::now();
            let outcome = work(&engine);
            metrics::histogram!("identity_hash_seconds").record(started.elapsed());
            outcome
        });
        computed.await.map_err(|error| defect("the hashing thread failed", &error))?
    }
}

fn queue_full() -> Error {
    metrics::counter!("identity_hash_queue_full_total").increment(1);
    error::hash_queue_full()
}

fn defect(what: &'static str, error: &dyn std::fmt::Display) -> Error {
    tracing::error!(%error, what);
    Error::internal()
}

#[cfg(test)]
mod tests;
