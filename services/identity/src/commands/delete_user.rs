use api::events::identity::{DeletionRequested, UserErased};
use eventstore::sealing::Vault;
use eventstore::{Meta, Opened};
use kernel::{Error, EventCodec, UserId};
use secrecy::SecretString;

use super::change_password::{VerifyPassword, hold_proven, prove};
use super::{Cx, callback, subject_of_address};
use crate::domain::account::{Account, By, Event};
use crate::domain::profile::Origin;
use crate::error;
use crate::mail::{MailKind, MailRequest};
use crate::postgres::{guards, mailed_tokens, users};
use crate::secrets::{MailedPurpose, token_hash};

#[derive(Debug)]
pub(crate) struct RequestDeletion {
    pub(crate) user: UserId,
    pub(crate) callback_url: String,
    pub(crate) origin: Origin,
}

/// What shows that the user means it.
#[derive(Debug)]
pub(crate) enum Proof {
    Password(SecretString),
    /// From the mail.
    Token(String),
    /// The gateway saw the sign-in of today.
    FreshSession,
}

#[derive(Debug)]
pub(crate) struct DeleteUser {
    pub(crate) user: UserId,
    pub(crate) proof: Proof,
    pub(crate) device_token: String,
    pub(crate) origin: Origin,
}

/// Mails the link that confirms the deletion, unless one left just now: the answer is the same.
pub(crate) async fn request_deletion(cx: &Cx, command: RequestDeletion) -> Result<(), Error> {
    let callback_url = callback(command.callback_url)?;
    let mut held = cx.hold(&command.user).await?;
    let now = cx.clock.now();
    let purpose = MailedPurpose::DeleteAccount;
    let asked_at = mailed_tokens::issued_at(held.opened.reader(), &command.user, purpose).await?;
    if !Account::may_mail(asked_at, now) {
        held.let_go().await;
        return Ok(());
    }
    let event = Event::DeletionRequested(DeletionRequested { user_id: command.user.to_string() });
    let personal = held.account().personal(&command.origin);
    let mail = MailRequest::new(held.account(), MailKind::DeleteAccount, callback_url, now);
    let (mut recorded, _) = held.record(&[event], &personal, Some(command.user.as_str()), now).await?;
    recorded.issue(cx, purpose, &command.user, now).await?;
    recorded.mail(&mail).await?;
    recorded.commit().await
}

/// Erases the user: rows, links, tokens, sessions, and the key without which what the log says of
/// the person is noise.
pub(crate) async fn delete_user(cx: &Cx, command: DeleteUser) -> Result<(), Error> {
    let DeleteUser { user, proof, device_token, origin } = command;
    let held = match proof {
        Proof::Password(password) => {
            let asked = VerifyPassword { user: user.clone(), password, device_token, origin };
            let (_, proven) = prove(cx, asked).await?;
            hold_proven(cx, &user, &proven).await?
        }
        Proof::Token(token) => {
            let mut held = cx.hold(&user).await?;
            let (hash, purpose) = (token_hash(&token), MailedPurpose::DeleteAccount);
            let owner = mailed_tokens::find(held.opened.reader(), purpose, &hash, cx.clock.now()).await?;
            // Of another user: as good as none.
            if owner.is_none_or(|owner| owner != user) {
                held.let_go().await;
                return Err(error::deletion_token_not_found());
            }
            held
        }
        Proof::FreshSession => cx.hold(&user).await?,
    };
    erase(cx, held.opened, &user, (By::User, user.as_str())).await
}

/// Needs nothing that is sealed: an account whose key does not open can be erased, too.
///
/// # Errors
/// `USER_NOT_FOUND`, `LAST_ADMIN`.
pub(crate) async fn erase(
    cx: &Cx,
    mut opened: Opened,
    user: &UserId,
    (by, actor): (By, &str),
) -> Result<(), Error> {
    let Some(stub) = users::stub(opened.reader(), user).await? else {
        opened.rollback().await;
        return Err(error::user_not_found());
    };
    let now = cx.clock.now();
    let session_epoch = stub.session_epoch + 1;
    let by = by.as_str().to_owned();
    let erased = Event::Erased(UserErased { user_id: user.to_string(), by, session_epoch });
    // Says nothing of the person: there is no key left to seal it with.
    let meta = Meta {
        at: now,
        actor: Some(actor.to_owned()),
        traceparent: runtime::current_traceparent(),
        subject: Some(user.to_string()),
    };
    let mut appended = opened.append(&[erased.encode()], &meta).await?;
    let tx = appended.tx();
    if stub.admin {
        users::lock_admins(tx).await?;
        if users::other_admins(tx, user, now).await? == 0 {
            return Err(error::last_admin());
        }
    }
    users::erase(tx, user, session_epoch, now).await?;
    guards::forget(tx, &stub.email_key).await?;
    Vault::destroy(tx, &subject_of_address(&stub.email_key)).await?;
    appended.commit().await?;
    Ok(())
}
