use api::events::identity::EmailChangeRequested;
use kernel::{Error, UserId};

use super::{Cx, Held, callback, evenly};
use crate::domain::account::Event;
use crate::domain::email::EmailAddress;
use crate::domain::profile::Origin;
use crate::error;
use crate::mail::{MailKind, MailRequest};

#[derive(Debug)]
pub(crate) struct ChangeEmail {
    pub(crate) user: UserId,
    pub(crate) new_email: String,
    pub(crate) callback_url: String,
    pub(crate) origin: Origin,
}

/// Asks for another address. The owner of a proven address agrees first, by a link mailed there;
/// then the new one is proven by a link mailed to it. Whether the new one is taken is not told, nor
/// whether it is too soon after the last time.
pub(crate) async fn change_email(cx: &Cx, command: ChangeEmail) -> Result<(), Error> {
    let new_email = EmailAddress::parse(&command.new_email)?;
    let callback_url = callback(command.callback_url)?;
    let person = cx.person(&command.user).await?;
    if person.account.email == new_email.as_str() {
        return Err(error::email_is_the_same());
    }
    evenly(request(cx, &command.user, &new_email, callback_url, &command.origin)).await
}

async fn request(
    cx: &Cx,
    user: &UserId,
    new_email: &EmailAddress,
    callback_url: String,
    origin: &Origin,
) -> Result<(), Error> {
    if cx.by_email(new_email).await?.is_some() {
        return Ok(());
    }
    let held = cx.hold(user).await?;
    if !held.account().may_change_address(cx.clock.now()) {
        held.let_go().await;
        return Ok(());
    }
    let step = if held.account().email_verified { Step::OldAddress } else { Step::NewAddress };
    let account = held.account().clone().asks_for_address(cx.clock.now());
    mail_step(cx, held.with(account), (step, new_email.as_str()), callback_url, origin).await
}

/// Which address is mailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    OldAddress,
    NewAddress,
}

/// Mails the link of a step, and writes the account as it is given.
pub(crate) async fn mail_step(
    cx: &Cx,
    held: Held,
    (step, new_email): (Step, &str),
    callback_url: String,
    origin: &Origin,
) -> Result<(), Error> {
    let now = cx.clock.now();
    let (name, kind) = match step {
        Step::OldAddress => ("old_address", MailKind::ChangeEmailConfirm),
        Step::NewAddress => ("new_address", MailKind::ChangeEmailVerify),
    };
    let user_id = held.account().id.to_string();
    let event =
        Event::EmailChangeRequested(EmailChangeRequested { user_id: user_id.clone(), step: name.to_owned() });
    let personal =
        api::common::Personal { new_email: new_email.to_owned(), ..held.account().personal(origin) };
    let mail =
        MailRequest::new(held.account(), kind, callback_url, now).about(&held.person.key, new_email)?;
    let (mut recorded, person) = held.record(&[event], &personal, Some(&user_id), now).await?;
    recorded.save(cx, &person, now).await?;
    recorded.mail(&mail).await?;
    recorded.commit().await
}
