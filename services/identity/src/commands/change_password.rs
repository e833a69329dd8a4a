use api::events::identity::PasswordChanged;
use kernel::{Error, UserId};
use secrecy::{ExposeSecret, SecretString};

use super::guess::{Guess, Target};
use super::{Cx, Held};
use crate::domain::account::{Account, By, Event};
use crate::domain::attempt::Path;
use crate::domain::email::EmailAddress;
use crate::domain::password;
use crate::domain::profile::Origin;
use crate::error;
use crate::mail::{MailKind, MailRequest};
use crate::postgres::credentials::Credential;
use crate::postgres::users::Person;
use crate::postgres::{credentials, mailed_tokens};

/// The password, asked for within a session.
#[derive(Debug)]
pub(crate) struct VerifyPassword {
    pub(crate) user: UserId,
    pub(crate) password: SecretString,
    pub(crate) device_token: String,
    pub(crate) origin: Origin,
}

#[derive(Debug)]
pub(crate) struct ChangePassword {
    pub(crate) current: VerifyPassword,
    pub(crate) new_password: SecretString,
    /// The session in which it is asked for; none: it ends like the others.
    pub(crate) spared_session: Option<String>,
}

/// # Errors
/// `INVALID_PASSWORD`, `CREDENTIAL_ACCOUNT_NOT_FOUND`, and as sign-in: it counts as a guess.
pub(crate) async fn verify_password(cx: &Cx, command: VerifyPassword) -> Result<(), Error> {
    prove(cx, command).await.map(drop)
}

/// The person whose password was right, and the credential that it was right for.
pub(crate) async fn prove(cx: &Cx, command: VerifyPassword) -> Result<(Person, Credential), Error> {
    password::check_length(command.password.expose_secret())?;
    let person = cx.person(&command.user).await?;
    let credential = credentials::find(cx.store.pool(), &command.user).await?;
    let credential = credential.ok_or_else(error::credential_account_not_found)?;
    let target = Target {
        email: EmailAddress::parse(&person.account.email)?,
        person: Some(person),
        credential: Some(credential.clone()),
    };
    let guess = Guess {
        cx: cx.clone(),
        target,
        path: Path::Reauthentication,
        device_token: command.device_token,
        origin: command.origin,
    };
    match guess.make(command.password).await {
        Ok(person) => Ok((person, credential)),
        Err(error) if error.reason == error::invalid_email_or_password().reason => {
            Err(error::invalid_password())
        }
        Err(error) => Err(error),
    }
}

/// Holds the account if the password is still the one that was proven: of two changes at once the
/// second one's proof is of a password that is no more.
///
/// # Errors
/// `INVALID_PASSWORD`, `USER_NOT_FOUND`.
pub(crate) async fn hold_proven(cx: &Cx, user: &UserId, proven: &Credential) -> Result<Held, Error> {
    let mut held = cx.hold(user).await?;
    let stored = credentials::find(held.opened.reader(), user).await?;
    if stored.is_some_and(|stored| stored.changed_at == proven.changed_at) {
        return Ok(held);
    }
    held.let_go().await;
    Err(error::invalid_password())
}

/// Changes the password and ends the user's other sessions.
pub(crate) async fn change_password(cx: &Cx, command: ChangePassword) -> Result<Account, Error> {
    let ChangePassword { current, new_password, spared_session } = command;
    let (origin, user) = (current.origin.clone(), current.user.clone());
    let person = cx.person(&user).await?;
    let about = [person.account.name.as_str(), person.account.email.as_str()];
    password::check_new(new_password.expose_secret(), &about)?;
    let (_, proven) = prove(cx, current).await?;
    let credential = cx.credential(new_password, Some(proven.clone())).await?;

    let held = hold_proven(cx, &user, &proven).await?;
    let now = cx.clock.now();
    let account = Account { updated_at: now, ..held.account().clone() }.forget_devices();
    let account = account.end_sessions(spared_session.clone());
    let changed = Event::PasswordChanged(PasswordChanged {
        user_id: user.to_string(),
        by: By::User.as_str().to_owned(),
        session_epoch: account.session_epoch,
        spared_session_id: spared_session.unwrap_or_default(),
    });
    let (mut recorded, person) =
        held.record(&[changed], &account.personal(&origin), Some(user.as_str()), now).await?;
    let person = Person { account, key: person.key };
    recorded.save(cx, &person, now).await?;
    credentials::put(recorded.tx(), &user, &credential).await?;
    mailed_tokens::delete_all(recorded.tx(), &user).await?;
    let notice = MailRequest::new(&person.account, MailKind::PasswordChanged, String::new(), now);
    recorded.mail(&notice).await?;
    recorded.commit().await?;
    Ok(person.account)
}
