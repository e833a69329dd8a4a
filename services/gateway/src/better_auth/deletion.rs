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

/// `GET /delete-user/callback`, the mailed link. It works in a session of the user only. Who follows
/// it in a browser is led on whatever happens.
pub async fn confirm(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    Query(mut query): Query,
) -> Result<Response, AuthError> {
    let token = query.string("token");
    let callback = query.filled("callbackURL");
    query.check()?;
    match (follow(&app, &headers, token, client).await, callback) {
        (Ok(()), Some(target)) => Ok(forgotten(&app, redirect::to(&target))),
        (Ok(()), None) => Ok(forgotten(&app, Json(deleted()).into_response())),
        (Err(error), Some(target)) if redirect::is_page_view(&headers) => {
            Ok(redirect::to(&redirect::with_params(&target, &[("error", error.reason())])))
        }
        (Err(error), _) => Err(error),
    }
}

async fn follow(app: &App, headers: &HeaderMap, token: String, client: Client) -> Result<(), AuthError> {
    let current = match Current::require(app, headers, Level::Own).await {
        Err(error) if error.reason() == "UNAUTHORIZED" => {
            return Err(AuthError::new(
                ErrorCode::NotFound,
                "FAILED_TO_GET_USER_INFO",
                "Failed to get user info",
            ));
        }
        other => other?,
    };
    erase(app, headers, &current, Proof::Token(token), client).await
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
