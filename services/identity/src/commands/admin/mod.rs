//! What administrators do to users. The actor's role is looked up here, whatever the gateway saw.

mod access;
mod list_users;
mod manage;

use kernel::{Error, Role, UserId};

use super::Cx;
use crate::domain::profile::Origin;
use crate::error;

pub(crate) use access::{Ban, ban_user, end_sessions, remove_user, set_role, set_user_password, unban_user};
pub(crate) use list_users::{ListUsers, list_users};
pub(crate) use manage::{CreateUser, EditUser, create_user, edit_user};

/// The administrator who acts.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    pub(crate) user: UserId,
    pub(crate) origin: Origin,
}

impl Actor {
    /// # Errors
    /// `FORBIDDEN` for everyone else, banned administrators among them.
    pub(crate) async fn check(&self, cx: &Cx) -> Result<(), Error> {
        let person = cx.person(&self.user).await.map_err(|_| error::forbidden())?;
        let may = person.account.role == Role::Admin && person.account.banned(cx.clock.now()).is_none();
        may.then_some(()).ok_or_else(error::forbidden)
    }
}
