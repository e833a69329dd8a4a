use std::sync::Arc;

use eventstore::{Store, StoreError};
use kernel::{Clock, Entropy, Error, Role, UserId};
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;

use super::{append, meta};
use crate::domain::account::{Account, Method, decide_register};
use crate::domain::email::EmailAddress;
use crate::domain::profile::Origin;
use crate::domain::{password, profile};
use crate::hasher::{Hasher, HashingOptions};
use crate::postgres::users;

/// An account made by an operator.
#[derive(Debug)]
pub struct NewUser {
    pub email: String,
    pub name: String,
    pub role: Role,
    pub password: SecretString,
    /// The operator vouches for the address. Otherwise the user asks for a mail after sign-in.
    pub verified: bool,
}

/// Creates the account unless the address has one, and says whether it did. An account that
/// exists stays as it is, its password included.
///
/// `pool` is of the schema [`crate::SCHEMA`]. The events are published by the running service.
///
/// # Errors
/// As sign-up: `INVALID_EMAIL`, `INVALID_NAME`, `PASSWORD_TOO_*`, or an unavailable database.
pub async fn create_user(
    pool: PgPool,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    user: NewUser,
) -> Result<(UserId, bool), Error> {
    let email = EmailAddress::parse(&user.email)?;
    let name = profile::name(&user.name)?;
    if let Some(existing) = users::find_by_email(&pool, email.as_str()).await? {
        return Ok((existing.id, false));
    }
    password::check_new(user.password.expose_secret())?;
    let hasher = Hasher::new(HashingOptions { parallel: 1, queue: 0 })?;
    let password_hash = hasher.hash(hasher.admit()?, user.password, &*entropy).await?;
    let now = clock.now();
    let account = Account {
        id: UserId::generate(&*entropy),
        email: email.to_string(),
        name,
        image: None,
        role: user.role,
        email_verified: user.verified,
        mail_asked_at: None,
        created_at: now,
        updated_at: now,
    };
    let store = Store::new(pool, crate::SCHEMA);
    match register(&store, &account, &password_hash).await {
        Ok(()) => Ok((account.id, true)),
        Err(error) if error.unique_violation() == Some("users_email") => {
            let winner = users::find_by_email(store.pool(), email.as_str()).await?;
            winner.map(|winner| (winner.id, false)).ok_or_else(Error::internal)
        }
        Err(error) => Err(error.into()),
    }
}

async fn register(store: &Store, account: &Account, password_hash: &str) -> Result<(), StoreError> {
    let events = decide_register(account, Method::Operator, &Origin::default());
    let mut meta = meta(account.created_at, Some(&account.id));
    meta.actor = Some("operator".to_owned());
    let mut appended = append(store.open(&account.stream()).await?, &events, &meta).await?;
    users::insert(appended.tx(), account, password_hash).await?;
    appended.commit().await?;
    Ok(())
}
