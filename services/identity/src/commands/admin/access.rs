use api::events::identity::{
    AllSessionsEnded, PasswordChanged, RoleAssigned, UserBanned, UserUnbanned, UserUnlocked,
};
use chrono::{DateTime, Utc};
use kernel::{Error, Role, UserId};
use secrecy::{ExposeSecret, SecretString};

use super::Actor;
use crate::commands::{Cx, Held, erase};
use crate::domain::account::{Account, Ban as Pronounced, By, Event, stream};
use crate::domain::{password, profile};
use crate::error;
use crate::mail::{MailKind, MailRequest};
use crate::postgres::users::{self, Person};
use crate::postgres::{credentials, guards, mailed_tokens};

/// Gives a user another role and ends the sessions that were started under the old one.
pub(crate) async fn set_role(cx: &Cx, actor: &Actor, user: &UserId, role: Role) -> Result<Account, Error> {
    actor.check(cx).await?;
    let held = cx.hold(user).await?;
    let before = held.account().clone();
    if before.role == role {
        held.let_go().await;
        return Ok(before);
    }
    let now = cx.clock.now();
    let after = Account { role, updated_at: now, ..before.clone() }.end_sessions(None);
    let event = Event::RoleAssigned(RoleAssigned {
        user_id: user.to_string(),
        role: role.to_string(),
        previous: before.role.to_string(),
        session_epoch: after.session_epoch,
    });
    change(cx, actor, held, after, &[event]).await
}

/// For how long, and why.
#[derive(Debug)]
pub(crate) struct Ban {
    pub(crate) reason: String,
    pub(crate) expires: Option<DateTime<Utc>>,
}

/// Shuts a user out and ends the sessions.
pub(crate) async fn ban_user(cx: &Cx, actor: &Actor, user: &UserId, ban: Ban) -> Result<Account, Error> {
    actor.check(cx).await?;
    if *user == actor.user {
        return Err(error::cannot_ban_yourself());
    }
    let reason = profile::ban_reason(&ban.reason)?;
    let now = cx.clock.now();
    if ban.expires.is_some_and(|expires| expires <= now) {
        return Err(error::ban_in_the_past());
    }
    let held = cx.hold(user).await?;
    let ban = Pronounced { reason, expires: ban.expires };
    let event = |after: &Account| {
        Event::Banned(UserBanned {
            user_id: user.to_string(),
            until: ban.expires.map(api::timestamp),
            session_epoch: after.session_epoch,
        })
    };
    let after =
        Account { ban: Some(ban.clone()), updated_at: now, ..held.account().clone() }.end_sessions(None);
    let event = event(&after);
    change(cx, actor, held, after, &[event]).await
}

/// Lifts a ban, and a lock if there is one.
pub(crate) async fn unban_user(cx: &Cx, actor: &Actor, user: &UserId) -> Result<Account, Error> {
    actor.check(cx).await?;
    let mut held = cx.hold(user).await?;
    let now = cx.clock.now();
    let address_key = cx.secrets.key_of(&held.account().email);
    let locked = guards::is_locked(held.opened.reader(), &address_key, now).await?;
    let before = held.account().clone();
    let reason = || "admin".to_owned();
    let user_id = user.to_string();
    let unbanned = before
        .ban
        .as_ref()
        .map(|_| Event::Unbanned(UserUnbanned { user_id: user_id.clone(), reason: reason() }));
    let unlocked =
        locked.then(|| Event::Unlocked(UserUnlocked { user_id: user_id.clone(), reason: reason() }));
    let events: Vec<Event> = unbanned.into_iter().chain(unlocked).collect();
    if events.is_empty() {
        held.let_go().await;
        return Ok(before);
    }
    let after = Account { ban: None, updated_at: now, ..before };
    let personal = after.personal(&actor.origin);
    let (mut recorded, person) = held.record(&events, &personal, Some(actor.user.as_str()), now).await?;
    let person = Person { account: after, key: person.key };
    recorded.save(cx, &person, now).await?;
    guards::forget(recorded.tx(), &address_key).await?;
    recorded.commit().await?;
    Ok(person.account)
}

/// Sets a user's password and ends the sessions: who asks for it fears that someone else knows the
/// old one.
pub(crate) async fn set_user_password(
    cx: &Cx,
    actor: &Actor,
    user: &UserId,
    new_password: SecretString,
) -> Result<Account, Error> {
    actor.check(cx).await?;
    let person = cx.person(user).await?;
    let about = [person.account.name.as_str(), person.account.email.as_str()];
    password::check_new(new_password.expose_secret(), &about)?;
    let old = credentials::find(cx.store.pool(), user).await?;
    let credential = cx.credential(new_password, old).await?;
    let held = cx.hold(user).await?;
    let now = cx.clock.now();
    let after = Account { updated_at: now, ..held.account().clone() }.end_sessions(None).forget_devices();
    let event = Event::PasswordChanged(PasswordChanged {
        user_id: user.to_string(),
        by: By::Admin.as_str().to_owned(),
        session_epoch: after.session_epoch,
        spared_session_id: String::new(),
    });
    let personal = after.personal(&actor.origin);
    let (mut recorded, person) = held.record(&[event], &personal, Some(actor.user.as_str()), now).await?;
    let person = Person { account: after, key: person.key };
    recorded.save(cx, &person, now).await?;
    credentials::put(recorded.tx(), user, &credential).await?;
    mailed_tokens::delete_all(recorded.tx(), user).await?;
    let notice = MailRequest::new(&person.account, MailKind::PasswordChanged, String::new(), now);
    recorded.mail(&notice).await?;
    recorded.commit().await?;
    Ok(person.account)
}

/// Ends every session of a user.
pub(crate) async fn end_sessions(cx: &Cx, actor: &Actor, user: &UserId) -> Result<Account, Error> {
    actor.check(cx).await?;
    let held = cx.hold(user).await?;
    let after = held.account().clone().end_sessions(None);
    let event = Event::SessionsEnded(AllSessionsEnded {
        user_id: user.to_string(),
        session_epoch: after.session_epoch,
        spared_session_id: String::new(),
    });
    change(cx, actor, held, after, &[event]).await
}

/// Erases a user as the user could.
pub(crate) async fn remove_user(cx: &Cx, actor: &Actor, user: &UserId) -> Result<(), Error> {
    actor.check(cx).await?;
    if *user == actor.user {
        return Err(error::cannot_remove_yourself());
    }
    let opened = cx.store.open(&stream(user)).await?;
    erase(cx, opened, user, (By::Admin, actor.user.as_str())).await
}

/// Records what an administrator changed about a user, unless it takes the last administrator away.
///
/// # Errors
/// `LAST_ADMIN`.
pub(super) async fn change(
    cx: &Cx,
    actor: &Actor,
    held: Held,
    after: Account,
    events: &[Event],
) -> Result<Account, Error> {
    let now = cx.clock.now();
    let was_admin = held.account().role == Role::Admin && held.account().banned(now).is_none();
    let is_admin = after.role == Role::Admin && after.banned(now).is_none();
    let personal = after.profile(&actor.origin);
    let former = Some(held.account().email.clone()).filter(|former| *former != after.email);
    let (mut recorded, person) = held.record(events, &personal, Some(actor.user.as_str()), now).await?;
    if was_admin && !is_admin {
        users::lock_admins(recorded.tx()).await?;
        if users::other_admins(recorded.tx(), &after.id, now).await? == 0 {
            return Err(error::last_admin());
        }
    }
    // A link that is on its way, perhaps to a former address, undoes nothing of this.
    mailed_tokens::delete_all(recorded.tx(), &after.id).await?;
    let person = Person { account: after, key: person.key };
    recorded.save(cx, &person, now).await?;
    if let Some(former) = former {
        recorded.forget_address(cx, &former).await?;
    }
    recorded.commit().await?;
    Ok(person.account)
}
