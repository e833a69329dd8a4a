use api::common::Role;
use api::identity::{
    BanUserRequest, CreateUserRequest, EditUserRequest, GetUserRequest, RemoveUserRequest, SetRoleRequest,
    SetUserPasswordRequest, UnbanUserRequest, User,
};
use axum::Json;
use kernel::Error;
use serde_json::{Value, json};

use super::super::error::AuthError;
use super::super::input::{Fields, Query};
use super::super::output;
use super::data::{Data, ends_in};
use super::{Asked, Refusal, roles};

const GET: Refusal = ("YOU_ARE_NOT_ALLOWED_TO_GET_USER", "You are not allowed to get user");
const CREATE: Refusal = ("YOU_ARE_NOT_ALLOWED_TO_CREATE_USERS", "You are not allowed to create users");
const UPDATE: Refusal = ("YOU_ARE_NOT_ALLOWED_TO_UPDATE_USERS", "You are not allowed to update users");
const SET_ROLE: Refusal =
    ("YOU_ARE_NOT_ALLOWED_TO_CHANGE_USERS_ROLE", "You are not allowed to change users role");
const BAN: Refusal = ("YOU_ARE_NOT_ALLOWED_TO_BAN_USERS", "You are not allowed to ban users");
const SET_PASSWORD: Refusal =
    ("YOU_ARE_NOT_ALLOWED_TO_SET_USERS_PASSWORD", "You are not allowed to set users password");
const DELETE: Refusal = ("YOU_ARE_NOT_ALLOWED_TO_DELETE_USERS", "You are not allowed to delete users");

type Answer = Result<Json<Value>, AuthError>;

fn wrapped(user: &User) -> Json<Value> {
    Json(json!({ "user": output::user(user) }))
}

/// `GET /admin/get-user`.
pub async fn show(asked: Asked, Query(mut query): Query) -> Answer {
    let user_id = query.string("id");
    query.check()?;
    let admin = asked.administrator(GET).await?;
    let found = admin.app.identity().get_user(GetUserRequest { user_id }).await?.into_inner();
    Ok(Json(output::user(&found.user.ok_or_else(Error::internal)?)))
}

/// `POST /admin/create-user`.
pub async fn create(asked: Asked, mut fields: Fields) -> Answer {
    let (email, name) = (fields.string("email"), fields.string("name"));
    let password = fields.filled("password");
    let wanted = fields.raw("role").is_some().then(|| fields.text_or_texts("role"));
    let data = fields.object("data");
    fields.check()?;
    let admin = asked.administrator(CREATE).await?;
    let role = match (wanted, &data) {
        (Some(names), _) => Some(roles::named(&names)?),
        (None, Some(data)) => roles::among(data)?,
        (None, None) => None,
    };
    let data = data.map(|data| Data::read(data, admin.app.clock.now())).transpose()?;
    let (edit, ban) = data.map(|data| (data.edit, data.ban)).unwrap_or_default();
    let request = CreateUserRequest {
        actor: Some(admin.actor()),
        email,
        name,
        password,
        role: role.unwrap_or(Role::Unspecified).into(),
        image: edit.image,
        email_verified: edit.email_verified.unwrap_or_default(),
    };
    let user = admin.user(admin.app.identity_admin().create_user(request).await)?;
    Ok(wrapped(&ban.apply(&admin, user).await?))
}

/// `POST /admin/update-user`. A ban is a step of its own, after all else has been changed.
pub async fn update(asked: Asked, mut fields: Fields) -> Answer {
    let user_id = fields.coerced("userId");
    let data = fields.object("data");
    fields.require("data", "object");
    fields.check()?;
    let admin = asked.administrator(UPDATE).await?;
    let data = data.filter(|data| !data.is_empty());
    let data = data.ok_or_else(|| AuthError::bad_request("NO_DATA_TO_UPDATE", "No data to update"))?;
    if data.raw("password").is_some() {
        return Err(AuthError::bad_request(
            "PASSWORD_CANNOT_BE_UPDATED_VIA_UPDATE_USER",
            "Password cannot be updated through update-user. Use the set-user-password endpoint instead",
        ));
    }
    if data.raw("id").is_some() {
        return Err(AuthError::bad_request("USER_ID_CANNOT_BE_UPDATED", "User id cannot be updated"));
    }
    let role = roles::among(&data)?;
    let Data { edit, ban } = Data::read(data, admin.app.clock.now())?;
    if ban.is_pronounced() && admin.is(&user_id) {
        return Err(AuthError::bad_request("YOU_CANNOT_BAN_YOURSELF", "You cannot ban yourself"));
    }
    let role = role.unwrap_or(Role::Unspecified).into();
    let request = EditUserRequest { actor: Some(admin.actor()), user_id, role, ..edit };
    let user = admin.user(admin.app.identity_admin().edit_user(request).await)?;
    Ok(Json(output::user(&ban.apply(&admin, user).await?)))
}

/// `POST /admin/set-role`. The user's sessions end.
pub async fn set_role(asked: Asked, mut fields: Fields) -> Answer {
    let (user_id, names) = (fields.coerced("userId"), fields.text_or_texts("role"));
    fields.check()?;
    let admin = asked.administrator(SET_ROLE).await?;
    let role = roles::named(&names)?.into();
    let request = SetRoleRequest { actor: Some(admin.actor()), user_id, role };
    Ok(wrapped(&admin.user(admin.app.identity_admin().set_role(request).await)?))
}

/// `POST /admin/ban-user`. The user's sessions end.
pub async fn ban(asked: Asked, mut fields: Fields) -> Answer {
    let user_id = fields.coerced("userId");
    let reason = fields.optional_string("banReason").unwrap_or_default();
    let seconds = fields.optional_number("banExpiresIn").filter(|seconds| *seconds != 0.0);
    fields.check()?;
    let admin = asked.administrator(BAN).await?;
    let expires = seconds.map(|seconds| ends_in(seconds, admin.app.clock.now())).transpose()?;
    let expires_at = api::timestamp_opt(expires);
    let request = BanUserRequest { actor: Some(admin.actor()), user_id, reason, expires_at };
    Ok(wrapped(&admin.user(admin.app.identity_admin().ban_user(request).await)?))
}

/// `POST /admin/unban-user`. It lifts a lock of the account, too.
pub async fn unban(asked: Asked, mut fields: Fields) -> Answer {
    let user_id = fields.coerced("userId");
    fields.check()?;
    let admin = asked.administrator(BAN).await?;
    let request = UnbanUserRequest { actor: Some(admin.actor()), user_id };
    Ok(wrapped(&admin.user(admin.app.identity_admin().unban_user(request).await)?))
}

/// `POST /admin/set-user-password`. The user's sessions end.
pub async fn set_password(asked: Asked, mut fields: Fields) -> Answer {
    let (new_password, user_id) = (fields.string("newPassword"), fields.coerced("userId"));
    for (name, text) in [("newPassword", &new_password), ("userId", &user_id)] {
        if text.is_empty() && fields.raw(name).is_some_and(Value::is_string) {
            fields.reject(name, &format!("{name} cannot be empty"));
        }
    }
    fields.check()?;
    let admin = asked.administrator(SET_PASSWORD).await?;
    let request = SetUserPasswordRequest { actor: Some(admin.actor()), user_id, new_password };
    admin.user(admin.app.identity_admin().set_user_password(request).await)?;
    Ok(Json(json!({ "status": true })))
}

/// `POST /admin/remove-user`: erases the user with all that is personal.
pub async fn remove(asked: Asked, mut fields: Fields) -> Answer {
    let user_id = fields.coerced("userId");
    fields.check()?;
    let admin = asked.administrator(DELETE).await?;
    let request = RemoveUserRequest { actor: Some(admin.actor()), user_id: user_id.clone() };
    let removed = admin.app.identity_admin().remove_user(request).await;
    removed.map_err(|status| admin.refused(status))?;
    admin.app.revocation.touch(user_id);
    Ok(Json(json!({ "success": true })))
}
