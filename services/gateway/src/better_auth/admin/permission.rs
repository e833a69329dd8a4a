use axum::Json;
use serde_json::{Value, json};

use super::super::error::AuthError;
use super::super::input::Fields;
use super::{Asked, is_administrator};

/// What administrators may do; nobody else may do any of it.
const ALLOWED: [(&str, &[&str]); 2] = [
    (
        "user",
        &[
            "create",
            "list",
            "set-role",
            "ban",
            "impersonate",
            "delete",
            "set-password",
            "set-email",
            "set-phone",
            "get",
            "update",
        ],
    ),
    ("session", &["list", "revoke", "delete"]),
];

/// `POST /admin/has-permission`: may the caller do all of this? A user or role that the body names
/// counts only where there is no session.
pub async fn check(asked: Asked, mut fields: Fields) -> Result<Json<Value>, AuthError> {
    if fields.raw("userId").is_some() {
        fields.coerced("userId");
    }
    fields.optional_string("role");
    // Its name up to 1.4.
    let older = fields.raw("permissions").is_none() && fields.raw("permission").is_some();
    let wanted = fields.lists(if older { "permission" } else { "permissions" });
    fields.check()?;
    let current = asked.session().await?;
    Ok(Json(json!({ "error": null, "success": is_administrator(&current) && are_allowed(&wanted) })))
}

/// Asking for nothing is not allowed either.
fn are_allowed(wanted: &[(String, Vec<String>)]) -> bool {
    let is_allowed = |(resource, actions): &(String, Vec<String>)| {
        let known = ALLOWED.iter().find(|(name, _)| name == resource).map(|(_, known)| *known);
        let known = known.unwrap_or_default();
        !actions.is_empty() && actions.iter().all(|action| known.contains(&action.as_str()))
    };
    !wanted.is_empty() && wanted.iter().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(wanted: &[(&str, &[&str])]) -> bool {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let wanted: Vec<_> =
            wanted.iter().map(|(resource, actions)| ((*resource).to_owned(), owned(actions))).collect();
        are_allowed(&wanted)
    }

    #[test]
    fn all_that_is_wanted_must_be_allowed() {
        assert!(allowed(&ALLOWED));
        assert!(allowed(&[("user", &["set-email"])]));
        for wanted in [
            &[][..],
            &[("user", &[][..])],
            &[("user", &["impersonate-admins"])],
            &[("user", &["list", "fly"])],
            &[("user", &["list"]), ("planet", &["list"])],
            &[("user", &["list"]), ("session", &[])],
            &[("session", &["ban"])],
        ] {
            assert!(!allowed(wanted), "{wanted:?}");
        }
    }
}
