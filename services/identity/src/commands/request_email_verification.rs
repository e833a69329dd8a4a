use std::time::Duration;

use kernel::Error;
use tokio::time::{Instant, sleep_until};

use super::{Cx, append, callback, enqueue_mail, meta};
use crate::domain::account::decide_request_verification;
use crate::domain::email::EmailAddress;
use crate::domain::profile::Origin;
use crate::postgres::users;

/// No answer comes sooner, whatever was done: the time taken must not tell who has an account.
const ANSWER_AFTER: Duration = Duration::from_millis(250);

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
    let answer_at = Instant::now() + ANSWER_AFTER;
    let email = EmailAddress::parse(&command.email)?;
    let callback_url = callback(command.callback_url)?;
    let outcome = request(cx, &email, &callback_url, &command.origin).await;
    sleep_until(answer_at).await;
    outcome
}

async fn request(cx: &Cx, email: &EmailAddress, callback_url: &str, origin: &Origin) -> Result<(), Error> {
    let Some(found) = users::find_by_email(cx.store.pool(), email.as_str()).await? else { return Ok(()) };
    let mut opened = cx.store.open(&found.stream()).await?;
    // Again, under the stream's lock: of two requests side by side one mails.
    let Some(account) = users::find(opened.reader(), &found.id).await? else { return Ok(()) };
    let now = cx.clock.now();
    let Some(event) = decide_request_verification(&account, origin, now) else {
        opened.rollback().await;
        return Ok(());
    };
    // Anyone may ask, so nobody is named as the one who acted.
    let mut meta = meta(now, Some(&account.id));
    meta.actor = None;
    let mut appended = append(opened, &[event], &meta).await?;
    users::mail_asked(appended.tx(), &account.id, now).await?;
    enqueue_mail(&mut appended, &account, callback_url, now).await?;
    appended.commit().await?;
    Ok(())
}
