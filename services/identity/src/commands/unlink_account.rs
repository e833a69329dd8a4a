use api::events::identity::AccountUnlinked;
use kernel::{Error, UserId};

use super::Cx;
use crate::domain::account::Event;
use crate::domain::profile::Origin;
use crate::error;
use crate::postgres::{credentials, links};

#[derive(Debug)]
pub(crate) struct UnlinkAccount {
    pub(crate) user: UserId,
    pub(crate) which: Which,
    pub(crate) origin: Origin,
}

/// One of the user's ways to sign in: by the id of its row, or, as clients before 1.7 do, by the
/// provider with or without the subject there.
#[derive(Debug, Clone)]
pub(crate) struct Which {
    pub(crate) account_id: String,
    pub(crate) provider_id: String,
}

impl Which {
    pub(crate) fn names(&self, id: &str, provider: &str, subject: &str) -> bool {
        if !self.account_id.is_empty() && self.account_id == id {
            return true;
        }
        !self.provider_id.is_empty()
            && self.provider_id == provider
            && (self.account_id.is_empty() || self.account_id == subject)
    }
}

/// Takes a way to sign in away, but never the last one.
///
/// # Errors
/// `ACCOUNT_NOT_FOUND`, `FAILED_TO_UNLINK_LAST_ACCOUNT`.
pub(crate) async fn unlink_account(cx: &Cx, command: UnlinkAccount) -> Result<(), Error> {
    let UnlinkAccount { user, which, origin } = command;
    let mut held = cx.hold(&user).await?;
    let linked = links::of_user(held.opened.reader(), &user).await?;
    let credential = credentials::find(held.opened.reader(), &user).await?;
    let link = linked.iter().find(|link| which.names(&link.id, &link.provider_id, &link.subject));
    let password =
        credential.as_ref().filter(|credential| which.names(&credential.id, "credential", user.as_str()));
    // Before anything is said of the one that is named, as Better-Auth does it.
    if linked.len() + usize::from(credential.is_some()) < 2 {
        held.let_go().await;
        return Err(error::last_account());
    }
    let (account_id, provider_id) = match (link, password) {
        (Some(link), _) => (link.id.clone(), link.provider_id.clone()),
        (None, Some(credential)) => (credential.id.clone(), "credential".to_owned()),
        (None, None) => {
            held.let_go().await;
            return Err(error::account_not_found());
        }
    };
    let is_password = link.is_none();
    let event = Event::AccountUnlinked(AccountUnlinked {
        user_id: user.to_string(),
        account_id: account_id.clone(),
        provider_id,
        reason: "user".to_owned(),
    });
    let personal = held.account().personal(&origin);
    let now = cx.clock.now();
    let (mut recorded, _) = held.record(&[event], &personal, Some(user.as_str()), now).await?;
    if is_password {
        credentials::delete(recorded.tx(), &user).await?;
    } else {
        links::delete(recorded.tx(), &account_id).await?;
    }
    recorded.commit().await
}
