use api::identity::{ChangeEmailRequest, UpdateUserRequest};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::current::{Current, Level};
use super::error::AuthError;
use super::input::Fields;
use crate::caller::RequestClient;
use crate::state::App;

/// `POST /update-user`.
pub async fn update_user(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    mut fields: Fields,
) -> Result<Response, AuthError> {
    let name = fields.optional_string("name");
    let (image, clear_image) = fields.nullable_string("image");
    fields.check()?;
    let current = Current::require(&app, &headers, Level::Live).await?;
    if fields.is_truthy("email") {
        return Err(AuthError::bad_request("EMAIL_CAN_NOT_BE_UPDATED", "Email can not be updated"));
    }
    fields.refuse_system_fields()?;
    if name.is_none() && image.is_none() && !clear_image {
        return Err(AuthError::message_only("No fields to update"));
    }
    let request =
        UpdateUserRequest { user_id: current.user.id, name, image, clear_image, client: Some(client) };
    app.identity().update_user(request).await?;
    let mut response = Json(json!({ "status": true })).into_response();
    app.cookies.set_session(response.headers_mut(), &current.token, current.session.remember);
    Ok(response)
}

/// `POST /change-email`: the same answer for an address that is taken.
pub async fn change_email(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    mut fields: Fields,
) -> Result<Json<Value>, AuthError> {
    let new_email = fields.email("newEmail");
    let callback_url = fields.filled("callbackURL").unwrap_or_else(|| "/".to_owned());
    fields.check()?;
    let current = Current::require(&app, &headers, Level::Own).await?;
    let request =
        ChangeEmailRequest { user_id: current.user.id, new_email, callback_url, client: Some(client) };
    app.identity().change_email(request).await?;
    Ok(Json(json!({ "status": true })))
}
