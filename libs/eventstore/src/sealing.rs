//! Personal data, sealed per person (ADR 0007): AES-256-GCM under a key of the person's own, which
//! is wrapped by a master key and kept in the table `subject_keys`. Only ciphertext enters the log,
//! the bus and the tables; to erase a person is to delete one row.
//!
//! Each sealing is bound to its place (store, stream and version, or table, row and column) as
//! additional data, so that ciphertext moved elsewhere does not open.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf;
use chrono::{DateTime, Utc};
use kernel::Entropy;
use secrecy::{ExposeSecret, SecretString};
use sqlx::{PgConnection, PgExecutor, PgPool};
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::StoreError;

const KEY_BYTES: usize = 32;
const MIN_SECRET_BYTES: usize = 32;
const SALT: &[u8] = b"intellistack vault";
const PLACE_OF_CHECK: &str = "vault_check";

/// AUTH_SECRET is too short, or no key can be derived from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("AUTH_SECRET needs at least {MIN_SECRET_BYTES} bytes")]
pub struct UnusableSecret;

/// Sealed under another key, for another place, or damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the seal does not open")]
pub struct Unsealable;

/// Makes, wraps and finds the keys of persons. Cheap to clone.
#[derive(Clone)]
pub struct Vault {
    master: Arc<LessSafeKey>,
    entropy: Arc<dyn Entropy>,
    claimed: Arc<OnceCell<()>>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

impl Vault {
    /// The master key is derived with HKDF-SHA256 (RFC 5869); `purpose` keeps the services'
    /// master keys apart.
    ///
    /// # Errors
    /// [`UnusableSecret`].
    pub fn new(
        auth_secret: &SecretString,
        purpose: &str,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, UnusableSecret> {
        let secret = auth_secret.expose_secret().as_bytes();
        if secret.len() < MIN_SECRET_BYTES {
            return Err(UnusableSecret);
        }
        let info = [purpose.as_bytes()];
        let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, SALT).extract(secret);
        let key = derived.expand(&info, &AES_256_GCM).map(UnboundKey::from).map_err(|_| UnusableSecret)?;
        let master = Arc::new(LessSafeKey::new(key));
        Ok(Self { master, entropy, claimed: Arc::default() })
    }

    /// Makes sure that this is the AUTH_SECRET which the database was first used with, and makes it
    /// that in a new database. The answer of a database is asked for once.
    ///
    /// # Errors
    /// [`StoreError::OtherSecret`], or an unavailable database.
    pub async fn claim(&self, pool: &PgPool) -> Result<(), StoreError> {
        self.claimed.get_or_try_init(|| self.try_claim(pool)).await.copied()
    }

    async fn try_claim(&self, pool: &PgPool) -> Result<(), StoreError> {
        let sealed = seal(&self.master, &*self.entropy, PLACE_OF_CHECK, &[]);
        let sealed = sealed.map_err(|Unsealable| StoreError::OtherSecret)?;
        // A database from before there was a check says by its keys whose it is.
        let before: Option<(String, Vec<u8>)> = sqlx::query_as(
            "select subject, wrapped from subject_keys where not exists (select from vault_check) limit 1",
        )
        .fetch_optional(pool)
        .await?;
        if let Some((subject, wrapped)) = before {
            self.unwrap(&subject, &wrapped).map_err(|_| StoreError::OtherSecret)?;
        }
        sqlx::query("insert into vault_check (sealed) values ($1) on conflict do nothing")
            .bind(sealed)
            .execute(pool)
            .await?;
        let first: Vec<u8> = sqlx::query_scalar("select sealed from vault_check").fetch_one(pool).await?;
        open(&self.master, PLACE_OF_CHECK, &first).map(drop).map_err(|Unsealable| StoreError::OtherSecret)
    }

    /// The key of a person, made now when there is none. Runs outside of a command's transaction:
    /// a key that nothing was sealed with yet does no harm.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::OtherSecret`] when AUTH_SECRET is not the database's, and
    /// [`StoreError::Corrupt`] when the key is damaged.
    pub async fn key(
        &self,
        pool: &PgPool,
        subject: &str,
        now: DateTime<Utc>,
    ) -> Result<SubjectKey, StoreError> {
        if let Some(key) = self.find(pool, subject).await? {
            return Ok(key);
        }
        self.claim(pool).await?;
        let mut fresh = Zeroizing::new([0_u8; KEY_BYTES]);
        self.entropy.fill(&mut *fresh);
        let wrapped = seal(&self.master, &*self.entropy, &place_of_key(subject), &*fresh)
            .map_err(|Unsealable| corrupt(subject))?;
        sqlx::query(
            "insert into subject_keys (subject, wrapped, created_at) values ($1, $2, $3)
             on conflict (subject) do nothing",
        )
        .bind(subject)
        .bind(wrapped)
        .bind(now)
        .execute(pool)
        .await?;
        // Whoever came first: all of them seal with that one.
        self.find(pool, subject).await?.ok_or_else(|| corrupt(subject))
    }

    /// The key of a person; none when there never was one or the person was erased.
    ///
    /// # Errors
    /// As [`Self::key`].
    pub async fn find(
        &self,
        db: impl PgExecutor<'_>,
        subject: &str,
    ) -> Result<Option<SubjectKey>, StoreError> {
        let wrapped: Option<Vec<u8>> =
            sqlx::query_scalar("select wrapped from subject_keys where subject = $1")
                .bind(subject)
                .fetch_optional(db)
                .await?;
        wrapped.map(|wrapped| self.unwrap(subject, &wrapped)).transpose()
    }

    /// The key in a row that a query of the caller's own has read.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn unwrap(&self, subject: &str, wrapped: &[u8]) -> Result<SubjectKey, StoreError> {
        let opened =
            open(&self.master, &place_of_key(subject), wrapped).map_err(|Unsealable| corrupt(subject))?;
        let key = UnboundKey::new(&AES_256_GCM, &opened).map_err(|_| corrupt(subject))?;
        Ok(SubjectKey {
            subject: subject.to_owned(),
            key: Arc::new(LessSafeKey::new(key)),
            entropy: Arc::clone(&self.entropy),
        })
    }

    /// Erases what was sealed for a person, for good. Says whether there was a key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn destroy(db: &mut PgConnection, subject: &str) -> Result<bool, StoreError> {
        let deleted =
            sqlx::query("delete from subject_keys where subject = $1").bind(subject).execute(db).await?;
        Ok(deleted.rows_affected() > 0)
    }
}

/// The key of one person.
#[derive(Clone)]
pub struct SubjectKey {
    subject: String,
    key: Arc<LessSafeKey>,
    entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubjectKey").field("subject", &self.subject).finish_non_exhaustive()
    }
}

impl SubjectKey {
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Nonce, ciphertext and tag. `place` is authenticated with it.
    ///
    /// # Errors
    /// [`Unsealable`] for data beyond what the cipher takes (64 GiB).
    pub fn seal(&self, place: &str, plain: &[u8]) -> Result<Vec<u8>, Unsealable> {
        seal(&self.key, &*self.entropy, place, plain)
    }

    /// # Errors
    /// [`Unsealable`] under another key, for another place, or when damaged.
    pub fn open(&self, place: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        open(&self.key, place, sealed)
    }
}

/// Where the private part of an event stands.
pub(crate) fn place_of_event(store: &str, stream: &str, version: u64) -> String {
    format!("{store}/{stream}/{version}")
}

fn place_of_key(subject: &str) -> String {
    format!("subject_keys/{subject}")
}

fn corrupt(subject: &str) -> StoreError {
    StoreError::Corrupt {
        stream: format!("subject_keys/{subject}"),
        version: 0,
        detail: "the key does not open: AUTH_SECRET is not the one it was wrapped with".to_owned(),
    }
}

fn seal(key: &LessSafeKey, entropy: &dyn Entropy, place: &str, plain: &[u8]) -> Result<Vec<u8>, Unsealable> {
    let mut nonce = [0_u8; NONCE_LEN];
    entropy.fill(&mut nonce);
    let mut sealed = plain.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut sealed)
        .map_err(|_| Unsealable)?;
    Ok([&nonce[..], &sealed].concat())
}

fn open(key: &LessSafeKey, place: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
    let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LEN).ok_or(Unsealable)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unsealable)?;
    let mut opened = Zeroizing::new(ciphertext.to_vec());
    let length = key.open_in_place(nonce, Aad::from(place), &mut opened).map_err(|_| Unsealable)?.len();
    opened.truncate(length);
    Ok(opened)
}
