use kernel::{Error, Role, UserId};
use secrecy::{ExposeSecret, SecretString};

use super::{Cx, append, callback, enqueue_mail, meta};
use crate::domain::account::{Account, Method, decide_register};
use crate::domain::email::EmailAddress;
use crate::domain::password;
use crate::domain::profile::{self, Origin};
use crate::error;
use crate::postgres::{guards, users};

#[derive(Debug)]
pub(crate) struct SignUp {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) password: SecretString,
    pub(crate) image: Option<String>,
    pub(crate) callback_url: String,
    pub(crate) origin: Origin,
}

/// Everyone signs up as a student with an unproven address; a request cannot say otherwise.
pub(crate) async fn sign_up(cx: &Cx, command: SignUp) -> Result<Account, Error> {
    let email = EmailAddress::parse(&command.email)?;
    password::check_new(command.password.expose_secret())?;
    let name = profile::name(&command.name)?;
    let image = profile::image(command.image)?;
    let callback_url = callback(command.callback_url)?;
    // Spares the hash where the answer is known; the unique index decides between racing ones.
    if users::find_by_email(cx.store.pool(), email.as_str()).await?.is_some() {
        return Err(error::user_exists());
    }
    let ticket = cx.hasher.admit()?;
    let password_hash = cx.hasher.hash(ticket, command.password, &*cx.entropy).await?;
    let now = cx.clock.now();
    let account = Account {
        id: UserId::generate(&*cx.entropy),
        email: email.to_string(),
        name,
        image,
        role: Role::Student,
        email_verified: false,
        mail_asked_at: Some(now),
        created_at: now,
        updated_at: now,
    };
    let events = decide_register(&account, Method::Password, &command.origin);
    let opened = cx.store.open(&account.stream()).await?;
    let mut appended = append(opened, &events, &meta(now, Some(&account.id))).await?;
    users::insert(appended.tx(), &account, &password_hash).await.map_err(|error| {
        if error.unique_violation() == Some("users_email") { error::user_exists() } else { error.into() }
    })?;
    guards::forget(appended.tx(), &cx.secrets.address_key(&email)).await?;
    enqueue_mail(&mut appended, &account, &callback_url, now).await?;
    appended.commit().await?;
    Ok(account)
}
