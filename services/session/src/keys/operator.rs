use std::sync::Arc;

use chrono::{DateTime, Utc};
use eventstore::Store;
use kernel::{Clock, Entropy, Error};
use secrecy::SecretString;
use sqlx::PgPool;

use super::Keys;
use crate::SCHEMA;
use crate::domain::key::{self, Rotation};
use crate::lifetimes::Lifetimes;
use crate::postgres::keys;
use crate::seal::Sealer;

/// The signing keys as an operator sees and turns them, on the database directly: running services
/// follow what it says.
#[derive(Debug)]
pub struct KeyChest(Keys);

/// A key as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey {
    pub kid: String,
    pub created_at: DateTime<Utc>,
    pub signs_from: DateTime<Utc>,
    /// Until then its tokens are accepted; none while there is no younger key.
    pub verifies_until: Option<DateTime<Utc>>,
    pub signs_now: bool,
}

impl KeyChest {
    /// `pool`'s connections have the service's schema as their `search_path`.
    ///
    /// # Errors
    /// `INVALID_OPTIONS`, saying which.
    pub fn new(
        pool: PgPool,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        auth_secret: &SecretString,
        lifetimes: Lifetimes,
    ) -> Result<Self, Error> {
        lifetimes.check()?;
        let sealer = Sealer::new(auth_secret)?;
        Ok(Self(Keys::new(Store::new(pool, SCHEMA), clock, entropy, sealer, lifetimes)))
    }

    /// Makes a key that succeeds the present ones.
    ///
    /// # Errors
    /// `SIGNING_KEY_UNREADABLE` when AUTH_SECRET is not the one the present keys were sealed with,
    /// unless they are dropped.
    pub async fn rotate(&self, how: Rotation) -> Result<(), Error> {
        Ok(self.0.rotate(how).await?)
    }

    /// The keys there are, youngest first.
    ///
    /// # Errors
    /// Unavailable when the database is away.
    pub async fn list(&self) -> Result<Vec<SigningKey>, Error> {
        let stored = keys::all(self.0.store.pool()).await?;
        let now = self.0.clock.now();
        let signer = key::signer(stored.iter(), |key| key.term, now).map(|key| key.kid.clone());
        let shown = stored.into_iter().map(|key| SigningKey {
            signs_now: signer.as_ref() == Some(&key.kid),
            created_at: key.term.created_at,
            signs_from: key.term.signs_from,
            verifies_until: key.term.verifies_until,
            kid: key.kid,
        });
        Ok(shown.collect())
    }
}
