//! One use case each: read, decide, append, inline tables, commit.

pub(crate) mod admin;
mod change_email;
mod change_password;
mod create_user;
mod delete_user;
mod end_own_sessions;
mod guess;
mod held;
mod request_email_verification;
mod request_password_reset;
mod reset_password;
mod sign_in;
mod sign_up;
pub(crate) mod social;
mod unlink_account;
mod update_user;
mod verify_email;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use eventstore::sealing::Vault;
use eventstore::{Meta, Store, StoreError};
use kernel::{Clock, Entropy, Error, UserId};
use secrecy::SecretString;
use tokio::time::{Instant, sleep_until};

use crate::domain::account::Account;
use crate::domain::email::EmailAddress;
use crate::error;
use crate::hasher::Hasher;
use crate::postgres::credentials::Credential;
use crate::postgres::users::{self, Person};
use crate::secrets::Secrets;

pub(crate) use change_email::{ChangeEmail, change_email};
pub(crate) use change_password::{ChangePassword, VerifyPassword, change_password, verify_password};
pub use create_user::{NewUser, Operator, create_user, make_admin};
pub(crate) use delete_user::{DeleteUser, Proof, RequestDeletion, delete_user, erase, request_deletion};
pub(crate) use end_own_sessions::{EndOwnSessions, end_own_sessions};
pub(crate) use held::Held;
pub(crate) use request_email_verification::{RequestEmailVerification, request_email_verification};
pub(crate) use request_password_reset::{RequestPasswordReset, request_password_reset};
pub(crate) use reset_password::{ResetPassword, check_reset_token, reset_password};
pub(crate) use sign_in::{SignIn, sign_in};
pub(crate) use sign_up::{SignUp, sign_up};
pub(crate) use unlink_account::{UnlinkAccount, Which, unlink_account};
pub(crate) use update_user::{Changes, UpdateUser, update_user};
pub(crate) use verify_email::{Outcome, VerifyEmail, verify_email};

/// Longest path that a mailed link may lead to.
const MAX_CALLBACK_BYTES: usize = 2048;
/// Characters of the id of a row that callers see.
const ROW_ID_CHARS: usize = 32;
/// Answers that must not tell who has an account come no sooner, whatever was done.
const ANSWER_AFTER: Duration = Duration::from_millis(250);

/// What every command works with.
#[derive(Debug, Clone)]
pub(crate) struct Cx {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) hasher: Hasher,
    pub(crate) secrets: Secrets,
    pub(crate) vault: Vault,
}

impl Cx {
    /// # Errors
    /// `USER_NOT_FOUND`.
    pub(crate) async fn person(&self, id: &UserId) -> Result<Person, Error> {
        let found = users::find(self.store.pool(), &self.vault, id).await?;
        found.ok_or_else(error::user_not_found)
    }

    pub(crate) async fn by_email(&self, email: &EmailAddress) -> Result<Option<Person>, StoreError> {
        let key = self.secrets.address_key(email);
        users::find_by_address(self.store.pool(), &self.vault, &key).await
    }

    /// A credential with a fresh hash, to replace `old` or to be the user's first.
    ///
    /// # Errors
    /// `HASH_QUEUE_FULL`.
    pub(crate) async fn credential(
        &self,
        password: SecretString,
        old: Option<Credential>,
    ) -> Result<Credential, Error> {
        let ticket = self.hasher.admit()?;
        let hash = self.hasher.hash(ticket, password, &*self.entropy).await?;
        let now = self.clock.now();
        Ok(match old {
            Some(old) => Credential { hash, changed_at: now, ..old },
            None => Credential { id: self.row_id(), hash, created_at: now, changed_at: now },
        })
    }

    /// The token by which a device is known to a user from now on.
    pub(crate) fn device_token(&self, known: String, account: &Account) -> String {
        self.secrets.device_token(known, account, &*self.entropy)
    }

    pub(crate) fn row_id(&self) -> String {
        self.entropy.alphanumeric(ROW_ID_CHARS)
    }
}

/// Holds an answer back until it comes no sooner than any other.
pub(crate) async fn evenly<T>(work: impl Future<Output = T>) -> T {
    let answer_at = Instant::now() + ANSWER_AFTER;
    let outcome = work.await;
    sleep_until(answer_at).await;
    outcome
}

/// The user is the one who acts and the one whose data the events hold.
fn meta(at: DateTime<Utc>, user: Option<&UserId>) -> Meta {
    let user = user.map(ToString::to_string);
    Meta { at, actor: user.clone(), traceparent: runtime::current_traceparent(), subject: user }
}

/// The handle under which events about an address without an account are sealed.
pub(crate) fn subject_of_address(address_key: &str) -> String {
    format!("address-{address_key}")
}

/// The gateway has checked where it leads; the length is checked where it is stored.
fn callback(url: String) -> Result<String, Error> {
    match url.len() {
        0 => Ok("/".to_owned()),
        1..=MAX_CALLBACK_BYTES => Ok(url),
        _ => Err(error::invalid_callback()),
    }
}
