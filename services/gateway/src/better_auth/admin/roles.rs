use std::slice;

use api::common::Role;
use serde_json::Value;

use super::super::error::AuthError;
use super::super::input::Fields;

/// The one role that is named: a user has no more.
pub fn named(names: &[String]) -> Result<Role, AuthError> {
    let role = match names {
        [name] => name.parse::<kernel::Role>().ok(),
        _ => None,
    };
    role.map(Role::from).ok_or_else(|| {
        AuthError::bad_request(
            "YOU_ARE_NOT_ALLOWED_TO_SET_NON_EXISTENT_VALUE",
            "You are not allowed to set a non-existent role value",
        )
    })
}

/// The role among free data of a user, where the schema leaves its kind open.
pub fn among(data: &Fields) -> Result<Option<Role>, AuthError> {
    let items = match data.raw("role") {
        None => return Ok(None),
        Some(Value::Array(items)) => items.as_slice(),
        Some(single) => slice::from_ref(single),
    };
    let names: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
    let names = names.ok_or_else(|| AuthError::bad_request("INVALID_ROLE_TYPE", "Invalid role type"))?;
    named(&names).map(Some)
}
