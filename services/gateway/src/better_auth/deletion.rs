use api::common::Client;
use api::identity::delete_user_request::Proof;
use api::identity::{DeleteUserRequest, RequestDeletionRequest};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use kernel::ErrorCode;
use serde_json::{Value, json};

use super::current::{Current, Level};
use super::error::AuthError;
use super::input::{Fields, Query};
use super::redirect;
use crate::caller::RequestClient;
use crate::state::App;

/// `POST /delete-user`: with the password or the mailed token at once, else a mail asks.
pub async fn delete(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    mut fields: Fields,
) -> Result<Response, AuthError> {
    let password = fields.filled("password").map(Proof::Password);
    let token = fields.filled("token").map(Proof::Token);
    let callback_url = fields.filled("callbackURL").unwrap_or_else(|| "/".to_owned());
    fields.check()?;
    let current = Current::require(&app, &headers, Level::Own).await?;
    if let Some(proof) = password.or(token) {
        erase(&app, &headers, &current, proof, client).await?;
        return Ok(forgotten(&app, Json(deleted()).into_response()));
    }
    let request = RequestDeletionRequest { user_id: current.user.id, callback_url, client: Some(client) };
    app.identity().request_deletion(request).await?;
    Ok(Json(json!({ "success": true, "message": "Verification email sent" })).into_response())
}

/// `GET /delete-user/callback`, the mailed link. It works in a session of the user only.
pub async fn confirm(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    Query(mut query): Query,
) -> Result<Response, AuthError> {
    let token = query.string("token");
    let callback = query.filled("callbackURL");
    query.check()?;
    let current = match Current::require(&app, &headers, Level::Own).await {
        Err(error) if error.reason() == "UNAUTHORIZED" => {
            return Err(AuthError::new(
                ErrorCode::NotFound,
                "FAILED_TO_GET_USER_INFO",
                "Failed to get user info",
            ));
        }
        other => other?,
    };
    erase(&app, &headers, &current, Proof::Token(token), client).await?;
    let response = callback.map_or_else(|| Json(deleted()).into_response(), |target| redirect::to(&target));
    Ok(forgotten(&app, response))
}

async fn erase(
    app: &App,
    headers: &HeaderMap,
    current: &Current,
    proof: Proof,
    client: Client,
) -> Result<(), AuthError> {
    let request = DeleteUserRequest {
        user_id: current.user.id.clone(),
        proof: Some(proof),
        device_token: app.cookies.device(headers),
        client: Some(client),
    };
    app.identity().delete_user(request).await?;
    Ok(())
}

fn deleted() -> Value {
    json!({ "success": true, "message": "User deleted" })
}

/// Leaves nothing of the user in the browser.
fn forgotten(app: &App, mut response: Response) -> Response {
    app.cookies.expire_session(response.headers_mut());
    app.cookies.expire_device(response.headers_mut());
    response
}
