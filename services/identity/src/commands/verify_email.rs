use api::common::Personal;
use api::events::identity::EmailChanged;
use kernel::{Error, UserId};

use super::change_email::{Step, mail_step};
use super::{Cx, Held, callback};
use crate::domain::account::{Account, By, Event, decide_verify};
use crate::domain::profile::Origin;
use crate::error;
use crate::mail::{MailKind, MailRequest};
use crate::postgres::mailed_tokens;
use crate::postgres::users::Person;
use crate::secrets::{LinkClaims, LinkPurpose};

#[derive(Debug)]
pub(crate) struct VerifyEmail {
    pub(crate) token: String,
    pub(crate) callback_url: String,
    /// Who is signed in where the link was opened; empty: nobody.
    pub(crate) session_user: String,
    pub(crate) origin: Origin,
}

/// What a mailed link was good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Verified,
    AlreadyVerified,
    /// The owner of the old address agreed; the new one was mailed.
    ChangeConfirmed,
    EmailChanged,
}

/// Takes a mailed link as proof of an address.
pub(crate) async fn verify_email(cx: &Cx, command: VerifyEmail) -> Result<(Account, Outcome), Error> {
    let claims = cx.secrets.check_link(&command.token, cx.clock.now())?;
    let user = UserId::from(claims.user_id.as_str());
    // A change is agreed to by its user: not in a browser in which somebody else is signed in.
    let foreign = !command.session_user.is_empty() && command.session_user != claims.user_id;
    if foreign && claims.purpose != LinkPurpose::Verify {
        return Err(error::invalid_user());
    }
    let gone = |error: Error| error.reason == error::user_not_found().reason;
    let held = cx
        .hold(&user)
        .await
        .map_err(|error| if gone(error.clone()) { error::verified_user_not_found() } else { error })?;
    match (claims.purpose, claims.update_to.clone()) {
        (LinkPurpose::Verify, None) => verify(cx, held, &claims, &command.origin).await,
        (LinkPurpose::ConfirmChange, Some(new)) => {
            if held.account().email == new {
                return done(held, Outcome::EmailChanged).await;
            }
            let held = check_pending(held, &claims).await?;
            if held.account().has_agreed() {
                return done(held, Outcome::ChangeConfirmed).await;
            }
            let account = held.account().clone().agrees_to_change();
            let callback_url = callback(command.callback_url)?;
            let held = held.with(account.clone());
            mail_step(cx, held, (Step::NewAddress, &new), callback_url, &command.origin).await?;
            Ok((account, Outcome::ChangeConfirmed))
        }
        (LinkPurpose::VerifyChange, Some(new)) => {
            if held.account().email == new {
                return done(held, Outcome::EmailChanged).await;
            }
            let held = check_pending(held, &claims).await?;
            change(cx, held, new, &command.origin).await
        }
        _ => {
            held.let_go().await;
            Err(error::invalid_token())
        }
    }
}

async fn verify(
    cx: &Cx,
    held: Held,
    claims: &LinkClaims,
    origin: &Origin,
) -> Result<(Account, Outcome), Error> {
    // A link mailed to an address proves that address only, not one the account has since.
    if held.account().email != claims.email {
        held.let_go().await;
        return Err(error::verified_user_not_found());
    }
    let Some(event) = decide_verify(held.account(), "mail") else {
        return done(held, Outcome::AlreadyVerified).await;
    };
    let now = cx.clock.now();
    let account = held.account().clone().proven(now);
    let personal = account.personal(origin);
    let (mut recorded, person) = held.record(&[event], &personal, Some(account.id.as_str()), now).await?;
    recorded.save(cx, &Person { account: account.clone(), key: person.key }, now).await?;
    recorded.commit().await?;
    Ok((account, Outcome::Verified))
}

/// A pending change ends with the standing of the account in which it was asked for: when its
/// address is first proven or becomes another one, and when its sessions end.
async fn check_pending(held: Held, claims: &LinkClaims) -> Result<Held, Error> {
    if held.account().email == claims.email && held.account().pending_epoch == claims.epoch {
        return Ok(held);
    }
    held.let_go().await;
    Err(error::invalid_token())
}

async fn change(
    cx: &Cx,
    held: Held,
    new_email: String,
    origin: &Origin,
) -> Result<(Account, Outcome), Error> {
    let now = cx.clock.now();
    let before = held.account().clone();
    let account = before.clone().moved(new_email.clone(), now);
    let event = Event::EmailChanged(EmailChanged {
        user_id: account.id.to_string(),
        by: By::User.as_str().to_owned(),
        email_verified: account.email_verified,
        session_epoch: 0,
    });
    let personal = Personal { new_email: new_email.clone(), ..before.personal(origin) };
    let notice = MailRequest::new(&before, MailKind::EmailChanged, String::new(), now)
        .about(&held.person.key, &before.email)?;
    let (mut recorded, person) = held.record(&[event], &personal, Some(account.id.as_str()), now).await?;
    let person = Person { account, key: person.key };
    // Who was first to prove the address has it.
    recorded.save(cx, &person, now).await.map_err(|error| {
        if error.reason == error::user_exists().reason { error::invalid_token() } else { error }
    })?;
    recorded.forget_address(cx, &before.email).await?;
    mailed_tokens::delete_all(recorded.tx(), &person.account.id).await?;
    if before.email_verified {
        recorded.mail(&notice).await?;
    }
    recorded.commit().await?;
    Ok((person.account, Outcome::EmailChanged))
}

async fn done(held: Held, outcome: Outcome) -> Result<(Account, Outcome), Error> {
    let account = held.account().clone();
    held.let_go().await;
    Ok((account, outcome))
}
