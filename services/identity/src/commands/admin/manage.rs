use api::events::identity::{EmailChanged, RoleAssigned};
use kernel::{Error, Role, UserId};
use secrecy::{ExposeSecret, SecretString};

use super::{Actor, access};
use crate::commands::sign_up::{Registration, register};
use crate::commands::update_user::decide_change_profile;
use crate::commands::{Changes, Cx};
use crate::domain::account::{Account, By, Event, Method, decide_register, decide_verify};
use crate::domain::email::EmailAddress;
use crate::domain::{password, profile};
use crate::error;

#[derive(Debug)]
pub(crate) struct CreateUser {
    pub(crate) email: String,
    pub(crate) name: String,
    /// Without one the user sets one by a reset.
    pub(crate) password: Option<SecretString>,
    pub(crate) role: Role,
    pub(crate) image: Option<String>,
    pub(crate) email_verified: bool,
}

/// Makes an account for someone.
///
/// # Errors
/// As sign-up.
pub(crate) async fn create_user(cx: &Cx, actor: &Actor, command: CreateUser) -> Result<Account, Error> {
    actor.check(cx).await?;
    let email = EmailAddress::parse(&command.email)?;
    let name = profile::name(&command.name)?;
    let image = profile::image(command.image)?;
    if cx.by_email(&email).await?.is_some() {
        return Err(error::user_exists());
    }
    let credential = match command.password {
        Some(password) => {
            password::check_new(password.expose_secret(), &[&name, email.as_str()])?;
            Some(cx.credential(password, None).await?)
        }
        None => None,
    };
    let id = UserId::generate(&*cx.entropy);
    let account = Account {
        image,
        role: command.role,
        email_verified: command.email_verified,
        ..Account::new(id, email.to_string(), name, cx.clock.now())
    };
    let registration = Registration {
        events: decide_register(&account, Method::Admin),
        account,
        credential,
        actor: Some(actor.user.to_string()),
        origin: actor.origin.clone(),
    };
    let (recorded, person) = register(cx, registration).await?;
    recorded.commit().await?;
    Ok(person.account)
}

#[derive(Debug)]
pub(crate) struct EditUser {
    pub(crate) user: UserId,
    pub(crate) changes: Changes,
    pub(crate) email: Option<String>,
    pub(crate) email_verified: Option<bool>,
    pub(crate) role: Option<Role>,
}

/// Changes what an administrator may change at once: profile, address, role.
pub(crate) async fn edit_user(cx: &Cx, actor: &Actor, command: EditUser) -> Result<Account, Error> {
    actor.check(cx).await?;
    let name = command.changes.name.as_deref().map(profile::name).transpose()?;
    let image = command.changes.image.map(|image| profile::image(Some(image))).transpose()?;
    let email = command.email.as_deref().map(EmailAddress::parse).transpose()?;
    let held = cx.hold(&command.user).await?;
    let before = held.account().clone();
    let email = email.map_or_else(|| before.email.clone(), |email| email.to_string());
    // A new address is unproven, unless the administrator vouches for it.
    let elsewhere = email != before.email;
    let now = cx.clock.now();
    let moved = if elsewhere { before.clone().moved(email, now) } else { before.clone() };
    let verified = command.email_verified.unwrap_or(before.email_verified && !elsewhere);
    let moved = if verified { moved.proven(now) } else { Account { email_verified: false, ..moved } };
    let mut after = Account {
        name: name.unwrap_or_else(|| before.name.clone()),
        image: image.unwrap_or_else(|| before.image.clone()),
        role: command.role.unwrap_or(before.role),
        updated_at: now,
        ..moved
    };
    // Access tokens say that the address is proven until they expire: theirs end, too.
    let taken_back = before.email_verified && !after.email_verified;
    if after.role != before.role || taken_back {
        after = after.end_sessions(None);
    }
    let events = decide_edit(&before, &after);
    if events.is_empty() {
        held.let_go().await;
        return Ok(before);
    }
    access::change(cx, actor, held, after, &events).await
}

fn decide_edit(before: &Account, after: &Account) -> Vec<Event> {
    let user_id = after.id.to_string();
    let session_epoch = if before.session_epoch == after.session_epoch { 0 } else { after.session_epoch };
    let mut events: Vec<Event> = decide_change_profile(before, after, By::Admin).into_iter().collect();
    if before.email != after.email {
        events.push(Event::EmailChanged(EmailChanged {
            user_id: user_id.clone(),
            by: By::Admin.as_str().to_owned(),
            email_verified: after.email_verified,
            session_epoch,
        }));
    } else if after.email_verified {
        events.extend(decide_verify(before, "admin"));
    } else if before.email_verified {
        // Taken back: the address is to be proven again.
        events.push(Event::EmailChanged(EmailChanged {
            user_id: user_id.clone(),
            by: By::Admin.as_str().to_owned(),
            email_verified: false,
            session_epoch,
        }));
    }
    if before.role != after.role {
        events.push(Event::RoleAssigned(RoleAssigned {
            user_id,
            role: after.role.to_string(),
            previous: before.role.to_string(),
            session_epoch: after.session_epoch,
        }));
    }
    events
}
