use std::time::Duration;

use api::identity::{BanUserRequest, EditUserRequest, UnbanUserRequest, User};
use chrono::{DateTime, Datelike, TimeDelta, Utc};
use serde_json::Value;

use super::super::error::AuthError;
use super::super::input::Fields;
use super::Administrator;

/// `data`, what an administrator sets of a user. Its role is read apart (see [`super::roles`]), and
/// what else it names is ignored.
pub struct Data {
    /// Without user and role.
    pub edit: EditUserRequest,
    pub ban: Ban,
}

/// What `data` says of a ban.
#[derive(Debug, Default)]
pub struct Ban {
    /// The ban is pronounced or lifted.
    banned: Option<bool>,
    reason: Option<String>,
    expires: Option<DateTime<Utc>>,
    /// It is to have no end.
    endless: bool,
}

impl Data {
    /// # Errors
    /// `VALIDATION_ERROR` for members of another kind, `INVALID_BAN` for an end that is over.
    pub fn read(mut data: Fields, now: DateTime<Utc>) -> Result<Self, AuthError> {
        let (image, clear_image) = data.nullable_string("image");
        let email_verified = data.raw("emailVerified").is_some();
        let edit = EditUserRequest {
            name: data.optional_string("name"),
            image,
            clear_image,
            email: data.optional_string("email"),
            email_verified: email_verified.then(|| data.optional_bool("emailVerified", false)),
            ..EditUserRequest::default()
        };
        let ban = Ban::read(&mut data);
        data.check()?;
        if ban.expires.is_some() {
            ends(ban.expires, now)?;
        }
        Ok(Self { edit, ban })
    }
}

impl Ban {
    fn read(data: &mut Fields) -> Self {
        let banned = match data.raw("banned") {
            None => None,
            Some(Value::Null) => Some(false),
            Some(_) => Some(data.optional_bool("banned", false)),
        };
        let (reason, no_reason) = data.nullable_string("banReason");
        let (text, endless) = data.nullable_string("banExpires");
        let expires = text.as_ref().and_then(|text| text.parse().ok());
        if text.is_some() && expires.is_none() {
            data.reject("banExpires", "Invalid input: expected a date");
        }
        Self { banned, reason: if no_reason { Some(String::new()) } else { reason }, expires, endless }
    }

    pub fn is_pronounced(&self) -> bool {
        self.banned == Some(true)
    }

    /// Pronounces, changes or lifts the ban of a user. What is not named stays as it is.
    pub async fn apply(self, admin: &Administrator, user: User) -> Result<User, AuthError> {
        let mut identity = admin.app.identity_admin();
        let names_some = self.reason.is_some() || self.expires.is_some() || self.endless;
        let expires_at = if self.endless || self.expires.is_some() {
            api::timestamp_opt(self.expires)
        } else {
            user.ban_expires
        };
        if self.is_pronounced() || (self.banned.is_none() && user.banned && names_some) {
            let request = BanUserRequest {
                actor: Some(admin.actor()),
                user_id: user.id,
                reason: self.reason.or(user.ban_reason).unwrap_or_default(),
                expires_at,
            };
            return admin.user(identity.ban_user(request).await);
        }
        if self.banned == Some(false) && user.banned {
            let request = UnbanUserRequest { actor: Some(admin.actor()), user_id: user.id };
            return admin.user(identity.unban_user(request).await);
        }
        Ok(user)
    }
}

/// The end of a ban that lasts so long.
pub fn ends_in(seconds: f64, now: DateTime<Utc>) -> Result<DateTime<Utc>, AuthError> {
    let wait = Duration::try_from_secs_f64(seconds).ok().and_then(|wait| TimeDelta::from_std(wait).ok());
    ends(wait.and_then(|wait| now.checked_add_signed(wait)), now)
}

/// It lies ahead, and in a year that a client can read.
fn ends(at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<DateTime<Utc>, AuthError> {
    at.filter(|at| *at > now && at.year() <= 9999)
        .ok_or_else(|| AuthError::bad_request("INVALID_BAN", "A ban ends in the future"))
}
