use api::events::identity::PasswordResetRequested;
use kernel::Error;

use super::{Cx, callback, evenly};
use crate::domain::account::{Account, Event};
use crate::domain::email::EmailAddress;
use crate::domain::profile::Origin;
use crate::mail::{MailKind, MailRequest};
use crate::postgres::users::Person;
use crate::secrets::MailedPurpose;

#[derive(Debug)]
pub(crate) struct RequestPasswordReset {
    pub(crate) email: String,
    pub(crate) redirect_to: String,
    pub(crate) origin: Origin,
}

/// Mails a token that is good once, within the hour. The answer and its time are the same whether
/// or not there is such an account.
pub(crate) async fn request_password_reset(cx: &Cx, command: RequestPasswordReset) -> Result<(), Error> {
    let email = EmailAddress::parse(&command.email)?;
    let redirect_to = callback(command.redirect_to)?;
    evenly(request(cx, &email, redirect_to, &command.origin)).await
}

async fn request(cx: &Cx, email: &EmailAddress, redirect_to: String, origin: &Origin) -> Result<(), Error> {
    let Some(found) = cx.by_email(email).await? else { return Ok(()) };
    let held = cx.hold(&found.account.id).await?;
    let now = cx.clock.now();
    if !Account::may_mail(held.account().reset_asked_at, now) {
        held.let_go().await;
        return Ok(());
    }
    let user_id = held.account().id.to_string();
    let event = Event::PasswordResetRequested(PasswordResetRequested { user_id });
    let personal = held.account().personal(origin);
    let (mut recorded, Person { account, key }) = held.record(&[event], &personal, None, now).await?;
    let mail = MailRequest::new(&account, MailKind::ResetPassword, redirect_to, now);
    let person = Person { account: Account { reset_asked_at: Some(now), ..account }, key };
    recorded.save(cx, &person, now).await?;
    recorded.issue(cx, MailedPurpose::ResetPassword, &person.account.id, now).await?;
    recorded.mail(&mail).await?;
    recorded.commit().await
}
