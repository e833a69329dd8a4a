use api::events::identity::{AccountUnlinked, PasswordReset, UserUnlocked};
use kernel::{Error, UserId};
use secrecy::{ExposeSecret, SecretString};

use super::Cx;
use crate::domain::account::{Account, Event, decide_verify};
use crate::domain::password;
use crate::domain::profile::Origin;
use crate::error;
use crate::mail::{MailKind, MailRequest};
use crate::postgres::links::Link;
use crate::postgres::users::Person;
use crate::postgres::{credentials, guards, links, mailed_tokens};
use crate::secrets::{MailedPurpose, token_hash};

#[derive(Debug)]
pub(crate) struct ResetPassword {
    pub(crate) token: String,
    pub(crate) new_password: SecretString,
    pub(crate) origin: Origin,
}

/// Looks only: mail scanners open links.
///
/// # Errors
/// `INVALID_TOKEN` (an invalid argument).
pub(crate) async fn check_reset_token(cx: &Cx, token: &str) -> Result<UserId, Error> {
    let hash = token_hash(token);
    let purpose = MailedPurpose::ResetPassword;
    let user = mailed_tokens::find(cx.store.pool(), purpose, &hash, cx.clock.now()).await?;
    user.ok_or_else(error::invalid_mailed_token)
}

/// Sets the password that the bearer of a mailed token chose, and ends every session.
///
/// Whoever reads the mail owns the address. If nobody had proven it before, whatever else an
/// earlier tenant of the account attached to it goes: links, pending changes, the old password
/// (Sudhodanan and Paverd, "Pre-hijacked accounts", 2022). So do the links from before the account
/// moved to this address: they were made by the owner of another one.
pub(crate) async fn reset_password(cx: &Cx, command: ResetPassword) -> Result<Account, Error> {
    let user = check_reset_token(cx, &command.token).await?;
    let person = cx.person(&user).await.map_err(|_| error::invalid_mailed_token())?;
    let about = [person.account.name.as_str(), person.account.email.as_str()];
    password::check_new(command.new_password.expose_secret(), &about)?;
    let old = credentials::find(cx.store.pool(), &user).await?;
    let credential = cx.credential(command.new_password, old).await?;

    let mut held = cx.hold(&user).await.map_err(|_| error::invalid_mailed_token())?;
    let now = cx.clock.now();
    // Again, under the lock: of those who use the token at once one wins.
    let hash = token_hash(&command.token);
    let reader = held.opened.reader();
    if mailed_tokens::find(reader, MailedPurpose::ResetPassword, &hash, now).await?.is_none() {
        held.let_go().await;
        return Err(error::invalid_mailed_token());
    }
    let links = links::of_user(held.opened.reader(), &user).await?;
    let dropped: Vec<Link> = links.into_iter().filter(|link| !outlives(link, held.account())).collect();
    let address_key = cx.secrets.key_of(&held.account().email);
    let locked = guards::is_locked(held.opened.reader(), &address_key, now).await?;
    let account = held.account().clone().proven(now).end_sessions(None).forget_devices();
    let events = decide(held.account(), &account, &dropped, locked);
    let personal = account.personal(&command.origin);
    let (mut recorded, person) = held.record(&events, &personal, Some(user.as_str()), now).await?;
    let person = Person { account, key: person.key };
    recorded.save(cx, &person, now).await?;
    credentials::put(recorded.tx(), &user, &credential).await?;
    mailed_tokens::delete_all(recorded.tx(), &user).await?;
    guards::forget(recorded.tx(), &address_key).await?;
    for link in &dropped {
        links::delete(recorded.tx(), &link.id).await?;
    }
    let notice = MailRequest::new(&person.account, MailKind::PasswordChanged, String::new(), now);
    recorded.mail(&notice).await?;
    recorded.commit().await?;
    Ok(person.account)
}

/// Whether a link belongs to whoever proves the address now.
fn outlives(link: &Link, account: &Account) -> bool {
    account.email_verified && account.email_changed_at.is_none_or(|moved| moved < link.created_at)
}

fn decide(before: &Account, after: &Account, dropped: &[Link], locked: bool) -> Vec<Event> {
    let user_id = before.id.to_string();
    let reset = PasswordReset { user_id: user_id.clone(), session_epoch: after.session_epoch };
    let mut events = vec![Event::PasswordReset(reset)];
    events.extend(decide_verify(before, "reset"));
    events.extend(dropped.iter().map(|link| {
        Event::AccountUnlinked(AccountUnlinked {
            user_id: user_id.clone(),
            account_id: link.id.clone(),
            provider_id: link.provider_id.clone(),
            reason: "proof_of_address".to_owned(),
        })
    }));
    if locked {
        events.push(Event::Unlocked(UserUnlocked { user_id, reason: "password_reset".to_owned() }));
    }
    events
}
