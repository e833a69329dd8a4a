use api::identity::{ListUsersRequest, ListUsersResponse};
use axum::Json;
use kernel::ErrorCode;
use serde_json::{Value, json};

use super::super::error::AuthError;
use super::super::input::{Fields, Query};
use super::super::output;
use super::{Asked, Refusal};

const LIST: Refusal = ("YOU_ARE_NOT_ALLOWED_TO_LIST_USERS", "You are not allowed to list users");

const SEARCH_OPERATORS: [&str; 3] = ["contains", "starts_with", "ends_with"];
const FILTER_OPERATORS: [&str; 11] =
    ["eq", "ne", "lt", "lte", "gt", "gte", "in", "not_in", "contains", "starts_with", "ends_with"];

/// `GET /admin/list-users`.
pub async fn list(asked: Asked, Query(mut query): Query) -> Result<Json<Value>, AuthError> {
    let request = read(&mut query);
    query.check()?;
    let admin = asked.administrator(LIST).await?;
    let request = ListUsersRequest { actor: Some(admin.actor()), ..request };
    let (limit, offset) = (request.limit, request.offset);
    let found = match admin.app.identity_admin().list_users(request).await {
        Ok(found) => found.into_inner(),
        // A field that there is not, or a value that the field cannot have: nobody matches.
        Err(status) if api::from_status(&status).code == ErrorCode::InvalidArgument => {
            return Ok(Json(page(&ListUsersResponse::default())));
        }
        Err(status) => return Err(admin.refused(status)),
    };
    let mut body = page(&found);
    for (name, value) in [("limit", limit), ("offset", offset)] {
        if value > 0 {
            body[name] = json!(value);
        }
    }
    Ok(Json(body))
}

fn page(found: &ListUsersResponse) -> Value {
    json!({ "users": found.users.iter().map(output::user).collect::<Vec<_>>(), "total": found.total })
}

fn read(query: &mut Fields) -> ListUsersRequest {
    let sort_by = query.filled("sortBy");
    let direction = query.optional_word("sortDirection", &["asc", "desc"]);
    let filter_field = query.filled("filterField").unwrap_or_else(|| "email".to_owned());
    let filtered = query.raw("filterValue").is_some();
    ListUsersRequest {
        actor: None,
        search_value: query.optional_string("searchValue").unwrap_or_default(),
        search_field: query.optional_word("searchField", &["email", "name"]).unwrap_or_default(),
        search_operator: query.optional_word("searchOperator", &SEARCH_OPERATORS).unwrap_or_default(),
        limit: count(query, "limit"),
        offset: count(query, "offset"),
        // Without a field to sort by there is no direction.
        descending: sort_by.is_some() && direction.as_deref() == Some("desc"),
        sort_by: sort_by.unwrap_or_default(),
        filter_field,
        filter_operator: query.optional_word("filterOperator", &FILTER_OPERATORS).unwrap_or_default(),
        filter_values: if filtered { query.text_or_texts("filterValue") } else { Vec::new() },
    }
}

/// Clients send `undefined` for what they leave out: no number is as good as none.
fn count(query: &mut Fields, name: &str) -> u32 {
    let text = query.optional_string(name).unwrap_or_default();
    text.trim().parse::<u64>().map_or(0, |number| u32::try_from(number).unwrap_or(u32::MAX))
}
