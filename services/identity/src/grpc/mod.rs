//! Translate, call, translate.

mod admin;
mod identity;
mod social;

use api::common::{Client, Role};
use api::identity::User;
use chrono::{DateTime, Utc};
use tonic::Status;

use crate::commands::Cx;
use crate::domain::account::Account;
use crate::domain::profile::Origin;

pub(crate) use admin::AdminGrpc;
pub(crate) use identity::{IdentityGrpc, account};
pub(crate) use social::SocialGrpc;

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
pub(crate) fn status(error: kernel::Error) -> Status {
    api::to_status(&error)
}

pub(crate) fn origin(client: Option<Client>) -> Origin {
    client.map(|client| Origin::new(&client.ip, &client.user_agent)).unwrap_or_default()
}

impl Cx {
    /// The user as callers see it now.
    pub(crate) fn user(&self, account: Account) -> User {
        user(account, self.clock.now())
    }
}

fn user(account: Account, now: DateTime<Utc>) -> User {
    let ban = account.banned(now).cloned();
    User {
        id: account.id.into_string(),
        name: account.name,
        email: account.email,
        email_verified: account.email_verified,
        image: account.image,
        role: Role::from(account.role).into(),
        created_at: Some(api::timestamp(account.created_at)),
        updated_at: Some(api::timestamp(account.updated_at)),
        banned: ban.is_some(),
        ban_expires: ban.as_ref().and_then(|ban| ban.expires).map(api::timestamp),
        ban_reason: ban.map(|ban| ban.reason),
        session_epoch: account.session_epoch,
        spared_session_id: account.spared_session.unwrap_or_default(),
    }
}
