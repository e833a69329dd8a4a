use api::events::identity::{DeletionRequested, UserErased};
use eventstore::Meta;
use eventstore::sealing::Vault;
use kernel::{Error, EventCodec, Role, UserId};
use secrecy::SecretString;

use super::change_password::{VerifyPassword, prove};
use super::{Cx, Held, callback, subject_of_address};
use crate::domain::account::{By, Event};
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

/// Mails the link that confirms the deletion.
pub(crate) async fn request_deletion(cx: &Cx, command: RequestDeletion) -> Result<(), Error> {
    let callback_url = callback(command.callback_url)?;
    let held = cx.hold(&command.user).await?;
    let now = cx.clock.now();
    let event = Event::DeletionRequested(DeletionRequested { user_id: command.user.to_string() });
    let personal = held.account().personal(&command.origin);
    let mail = MailRequest::new(held.account(), MailKind::DeleteAccount, callback_url, now);
    let (mut recorded, _) = held.record(&[event], &personal, Some(command.user.as_str()), now).await?;
    recorded.issue(cx, MailedPurpose::DeleteAccount, &command.user, now).await?;
    recorded.mail(&mail).await?;
    recorded.commit().await
}

/// Erases the user: rows, links, tokens, sessions, and the key without which what the log says of
/// the person is noise.
pub(crate) async fn delete_user(cx: &Cx, command: DeleteUser) -> Result<(), Error> {
    let DeleteUser { user, proof, device_token, origin } = command;
    match proof {
        Proof::Password(password) => {
            prove(cx, VerifyPassword { user: user.clone(), password, device_token, origin }).await?;
        }
        Proof::Token(token) => {
            let hash = token_hash(&token);
            let purpose = MailedPurpose::DeleteAccount;
            let owner = mailed_tokens::find(cx.store.pool(), purpose, &hash, cx.clock.now()).await?;
            // Of another user: as good as none.
            if owner.is_none_or(|owner| owner != user) {
                return Err(error::deletion_token_not_found());
            }
        }
        Proof::FreshSession => {}
    }
    let held = cx.hold(&user).await?;
    erase(cx, held, By::User, user.as_str()).await
}

/// # Errors
/// `LAST_ADMIN`.
pub(crate) async fn erase(cx: &Cx, held: Held, by: By, actor: &str) -> Result<(), Error> {
    let Held { opened, person } = held;
    let now = cx.clock.now();
    let address_key = cx.secrets.key_of(&person.account.email);
    let was_admin = person.account.role == Role::Admin;
    let account = person.account.end_sessions(None);
    let erased = Event::Erased(UserErased {
        user_id: account.id.to_string(),
        by: by.as_str().to_owned(),
        session_epoch: account.session_epoch,
    });
    // Says nothing of the person: there is no key left to seal it with.
    let meta = Meta {
        at: now,
        actor: Some(actor.to_owned()),
        traceparent: runtime::current_traceparent(),
        subject: Some(account.id.to_string()),
    };
    let mut appended = opened.append(&[erased.encode()], &meta).await?;
    let tx = appended.tx();
    if was_admin {
        users::lock_admins(tx).await?;
        if users::other_admins(tx, &account.id, now).await? == 0 {
            return Err(error::last_admin());
        }
    }
    users::erase(tx, &account, now).await?;
    guards::forget(tx, &address_key).await?;
    Vault::destroy(tx, &subject_of_address(&address_key)).await?;
    appended.commit().await?;
    Ok(())
}
