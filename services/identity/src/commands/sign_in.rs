use kernel::Error;
use secrecy::{ExposeSecret, SecretString};

use super::Cx;
use super::guess::{Guess, Target};
use crate::domain::attempt::Path;
use crate::domain::email::EmailAddress;
use crate::domain::password;
use crate::domain::profile::Origin;
use crate::postgres::credentials;
use crate::postgres::users::Person;

#[derive(Debug)]
pub(crate) struct SignIn {
    pub(crate) email: String,
    pub(crate) password: SecretString,
    pub(crate) device_token: String,
    pub(crate) origin: Origin,
}

/// Proves a password. Answers the account and the token by which the device is known from now on.
pub(crate) async fn sign_in(cx: &Cx, command: SignIn) -> Result<(Person, String), Error> {
    let email = EmailAddress::parse(&command.email)?;
    password::check_length(command.password.expose_secret())?;
    let person = cx.by_email(&email).await?;
    let credential = match &person {
        Some(person) => credentials::find(cx.store.pool(), &person.account.id).await?,
        None => credentials::find(cx.store.pool(), &kernel::UserId::from("")).await?,
    };
    let guess = Guess {
        cx: cx.clone(),
        target: Target { email, person, credential },
        path: Path::SignIn,
        device_token: command.device_token.clone(),
        origin: command.origin,
    };
    let person = guess.make(command.password).await?;
    let device_token = cx.device_token(command.device_token, &person.account);
    Ok((person, device_token))
}
