use eventstore::StoreError;
use kernel::{Error, UserId};
use secrecy::{ExposeSecret, SecretString};

use super::held::{self, Recorded, taken};
use super::{Cx, callback};
use crate::domain::account::{Account, Event, Method, decide_register};
use crate::domain::email::EmailAddress;
use crate::domain::password;
use crate::domain::profile::{self, Origin};
use crate::error;
use crate::mail::{MailKind, MailRequest};
use crate::postgres::users::{self, Person};
use crate::postgres::{credentials, guards};

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
    let name = profile::name(&command.name)?;
    let image = profile::image(command.image)?;
    password::check_new(command.password.expose_secret(), &[&name, email.as_str()])?;
    let callback_url = callback(command.callback_url)?;
    // Spares the hash where the answer is known; the unique index decides between racing ones.
    if cx.by_email(&email).await?.is_some() {
        return Err(error::user_exists());
    }
    let credential = cx.credential(command.password, None).await?;
    let now = cx.clock.now();
    let id = UserId::generate(&*cx.entropy);
    let account =
        Account { image, mail_asked_at: Some(now), ..Account::new(id, email.to_string(), name, now) };
    let registration = Registration {
        events: decide_register(&account, Method::Password),
        account,
        credential: Some(credential),
        actor: None,
        origin: command.origin,
    };
    let (mut recorded, person) = register(cx, registration).await?;
    recorded.mail(&MailRequest::new(&person.account, MailKind::VerifyEmail, callback_url, now)).await?;
    recorded.commit().await?;
    Ok(person.account)
}

/// A new account with the events that make it.
pub(crate) struct Registration {
    pub(crate) account: Account,
    pub(crate) events: Vec<Event>,
    pub(crate) credential: Option<credentials::Credential>,
    /// Who made it; none: the user.
    pub(crate) actor: Option<String>,
    pub(crate) origin: Origin,
}

/// Writes a new account, however it came to be.
///
/// # Errors
/// `USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL`.
pub(crate) async fn register(cx: &Cx, registration: Registration) -> Result<(Recorded, Person), Error> {
    let Registration { account, events, credential, actor, origin } = registration;
    let now = account.created_at;
    let key = cx.vault.key(cx.store.pool(), account.id.as_str(), now).await?;
    let person = Person { account, key };
    let account = &person.account;
    let actor = actor.unwrap_or_else(|| account.id.to_string());
    let meta = held::meta(Some(&actor), now, &person);
    let opened = cx.store.open(&account.stream()).await?;
    let mut recorded = held::record(opened, &events, (&account.profile(&origin), &person), meta).await?;
    let address_key = cx.secrets.key_of(&account.email);
    let outcome = insert(&mut recorded, &person, &address_key, credential).await;
    if let Err(error) = outcome {
        drop(recorded);
        // Nothing was sealed for good with the key of an account that there is not.
        let mut connection = cx.store.pool().acquire().await.map_err(StoreError::from)?;
        eventstore::sealing::Vault::destroy(&mut connection, account.id.as_str()).await?;
        return Err(taken(error));
    }
    Ok((recorded, person))
}

async fn insert(
    recorded: &mut Recorded,
    person: &Person,
    address_key: &str,
    credential: Option<credentials::Credential>,
) -> Result<(), StoreError> {
    users::insert(recorded.tx(), person, address_key).await?;
    if let Some(credential) = credential {
        credentials::put(recorded.tx(), &person.account.id, &credential).await?;
    }
    // The address has a new owner: what was guessed before counts for nothing.
    guards::forget(recorded.tx(), address_key).await?;
    Ok(())
}
