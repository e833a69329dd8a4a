//! One use case each: read, decide, append, inline tables, commit.

mod create_user;
mod request_email_verification;
mod sign_in;
mod sign_up;
mod verify_email;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use eventstore::{Appended, Meta, Opened, Store, StoreError, effects};
use kernel::{Clock, Entropy, Error, EventCodec, NewEvent, UserId};

use crate::domain::account::{Account, Event};
use crate::hasher::Hasher;
use crate::mail;
use crate::secrets::Secrets;

pub use create_user::{NewUser, create_user};
pub(crate) use request_email_verification::{RequestEmailVerification, request_email_verification};
pub(crate) use sign_in::{SignIn, sign_in};
pub(crate) use sign_up::{SignUp, sign_up};
pub(crate) use verify_email::{VerifyEmail, verify_email};

/// Longest path that a mailed link may lead to.
const MAX_CALLBACK_BYTES: usize = 2048;

/// What every command works with.
#[derive(Debug, Clone)]
pub(crate) struct Cx {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) hasher: Hasher,
    pub(crate) secrets: Secrets,
}

/// The user is the one who acts and the one whose data the events hold.
fn meta(at: DateTime<Utc>, user: Option<&UserId>) -> Meta {
    let user = user.map(ToString::to_string);
    Meta { at, actor: user.clone(), traceparent: runtime::current_traceparent(), subject: user }
}

async fn append(opened: Opened, events: &[Event], meta: &Meta) -> Result<Appended, StoreError> {
    let events: Vec<NewEvent> = events.iter().map(EventCodec::encode).collect();
    opened.append(&events, meta).await
}

/// Sends the link that proves the address, once the events are recorded.
async fn enqueue_mail(
    appended: &mut Appended,
    account: &Account,
    callback_url: &str,
    at: DateTime<Utc>,
) -> Result<(), Error> {
    let request = mail::VerifyEmailRequest {
        user_id: account.id.to_string(),
        email: account.email.clone(),
        name: account.name.clone(),
        callback_url: callback_url.to_owned(),
        requested_at: at,
    };
    let payload = serde_json::to_value(request).map_err(|error| {
        tracing::error!(%error, "a mail request cannot be written");
        Error::internal()
    })?;
    let key = format!("{}/{}", account.stream(), appended.version());
    effects::enqueue(appended.tx(), mail::VERIFY_EMAIL, &key, &payload, at).await?;
    Ok(())
}

/// The gateway has checked where it leads; the length is checked where it is stored.
fn callback(url: String) -> Result<String, Error> {
    match url.len() {
        0 => Ok("/".to_owned()),
        1..=MAX_CALLBACK_BYTES => Ok(url),
        _ => Err(crate::error::invalid_callback()),
    }
}
