use kernel::Error;

use super::{Cx, callback, evenly};
use crate::domain::account::{Account, decide_request_verification};
use crate::domain::email::EmailAddress;
use crate::domain::profile::Origin;
use crate::mail::{MailKind, MailRequest};
use crate::postgres::users::Person;

#[derive(Debug)]
pub(crate) struct RequestEmailVerification {
    pub(crate) email: String,
    pub(crate) callback_url: String,
    pub(crate) origin: Origin,
}

/// Mails the link when there is an unverified account that was not mailed just now. The answer is
/// the same in any case.
pub(crate) async fn request_email_verification(
    cx: &Cx,
    command: RequestEmailVerification,
) -> Result<(), Error> {
    let email = EmailAddress::parse(&command.email)?;
    let callback_url = callback(command.callback_url)?;
    evenly(request(cx, &email, callback_url, &command.origin)).await
}

async fn request(cx: &Cx, email: &EmailAddress, callback_url: String, origin: &Origin) -> Result<(), Error> {
    let Some(found) = cx.by_email(email).await? else { return Ok(()) };
    // Again, under the stream's lock: of two requests side by side one mails.
    let held = cx.hold(&found.account.id).await?;
    let now = cx.clock.now();
    let Some(event) = decide_request_verification(held.account(), now) else {
        held.let_go().await;
        return Ok(());
    };
    let personal = held.account().personal(origin);
    // Anyone may ask, so nobody is named as the one who acted.
    let (mut recorded, Person { account, key }) = held.record(&[event], &personal, None, now).await?;
    let mail = MailRequest::new(&account, MailKind::VerifyEmail, callback_url, now);
    let person = Person { account: Account { mail_asked_at: Some(now), ..account }, key };
    recorded.save(cx, &person, now).await?;
    recorded.mail(&mail).await?;
    recorded.commit().await
}
