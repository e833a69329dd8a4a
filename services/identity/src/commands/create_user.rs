use std::sync::Arc;

use api::events::identity::RoleAssigned;
use eventstore::Store;
use eventstore::sealing::Vault;
use kernel::{Clock, Entropy, Error, Role, UserId};
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;

use super::Cx;
use super::sign_up::{Registration, register};
use crate::domain::account::{Account, Event, Method, decide_register};
use crate::domain::email::EmailAddress;
use crate::domain::profile::Origin;
use crate::domain::{password, profile};
use crate::error;
use crate::hasher::{Hasher, HashingOptions};
use crate::postgres::users::Person;
use crate::secrets::Secrets;

/// Who did it, in the audit log.
const OPERATOR: &str = "operator";

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

/// What an operator's command works with, beside the running service.
#[derive(Debug)]
pub struct Operator {
    /// Of the schema [`crate::SCHEMA`].
    pub pool: PgPool,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub auth_secret: SecretString,
}

impl Operator {
    fn cx(self) -> Result<Cx, Error> {
        Ok(Cx {
            store: Store::new(self.pool, crate::SCHEMA),
            hasher: Hasher::new(HashingOptions { parallel: 1, queue: 0, ..HashingOptions::default() })?,
            secrets: Secrets::new(&self.auth_secret)?,
            vault: Vault::new(&self.auth_secret, crate::NAME, Arc::clone(&self.entropy))
                .map_err(|unusable| error::invalid_options(unusable.to_string()))?,
            clock: self.clock,
            entropy: self.entropy,
        })
    }
}

/// Makes the account of an address an administrator's, and says whether it was none before. Its
/// sessions end, as whenever a role changes.
///
/// # Errors
/// `INVALID_EMAIL`, `USER_NOT_FOUND`, `ADDRESS_NOT_VERIFIED` (anybody may have signed up with it), or an
/// unavailable database.
pub async fn make_admin(operator: Operator, email: &str) -> Result<(UserId, bool), Error> {
    let cx = operator.cx()?;
    let email = EmailAddress::parse(email)?;
    let found = cx.by_email(&email).await?.ok_or_else(error::user_not_found)?;
    let held = cx.hold(&found.account.id).await?;
    let before = held.account().clone();
    if before.role == Role::Admin {
        held.let_go().await;
        return Ok((before.id, false));
    }
    if !before.email_verified {
        held.let_go().await;
        return Err(error::address_not_verified());
    }
    let now = cx.clock.now();
    let after = Account { role: Role::Admin, updated_at: now, ..before.clone() }.end_sessions(None);
    let event = Event::RoleAssigned(RoleAssigned {
        user_id: before.id.to_string(),
        role: after.role.to_string(),
        previous: before.role.to_string(),
        session_epoch: after.session_epoch,
    });
    let personal = after.personal(&Origin::default());
    let (mut recorded, person) = held.record(&[event], &personal, Some(OPERATOR), now).await?;
    let person = Person { account: after, key: person.key };
    recorded.save(&cx, &person, now).await?;
    recorded.commit().await?;
    Ok((person.account.id, true))
}

/// Creates the account unless the address has one, and says whether it did. An account that
/// exists stays as it is, its password included. The events are published by the running service.
///
/// # Errors
/// As sign-up: `INVALID_EMAIL`, `INVALID_NAME`, `PASSWORD_*`, or an unavailable database.
pub async fn create_user(operator: Operator, user: NewUser) -> Result<(UserId, bool), Error> {
    let cx = operator.cx()?;
    let email = EmailAddress::parse(&user.email)?;
    let name = profile::name(&user.name)?;
    if let Some(existing) = cx.by_email(&email).await? {
        return Ok((existing.account.id, false));
    }
    password::check_new(user.password.expose_secret(), &[&name, email.as_str()])?;
    let credential = cx.credential(user.password, None).await?;
    let id = UserId::generate(&*cx.entropy);
    let account = Account {
        role: user.role,
        email_verified: user.verified,
        ..Account::new(id, email.to_string(), name, cx.clock.now())
    };
    let registration = Registration {
        events: decide_register(&account, Method::Operator),
        account,
        credential: Some(credential),
        actor: Some(OPERATOR.to_owned()),
        origin: Origin::default(),
    };
    match register(&cx, registration).await {
        Ok((recorded, person)) => {
            recorded.commit().await?;
            Ok((person.account.id, true))
        }
        Err(error) if error.reason == error::user_exists().reason => {
            let winner = cx.by_email(&email).await?;
            winner.map(|winner| (winner.account.id, false)).ok_or_else(Error::internal)
        }
        Err(error) => Err(error),
    }
}
