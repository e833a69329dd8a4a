use api::common::Client;
use api::identity::{SignInRequest, SignUpRequest, User};
use api::session::CreateSessionRequest;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use kernel::{Error, ErrorCode};
use serde_json::{Value, json};

use super::error::AuthError;
use super::input::Fields;
use super::{output, redirect};
use crate::caller::RequestClient;
use crate::oidc;
use crate::state::App;

/// `POST /sign-up/email`. The new user is signed in at once; what needs a verified address says
/// so itself.
pub async fn sign_up(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    mut fields: Fields,
) -> Result<Response, AuthError> {
    let request = SignUpRequest {
        name: fields.string("name"),
        email: fields.string("email"),
        password: fields.string("password"),
        image: fields.optional_string("image"),
        callback_url: fields.filled("callbackURL").unwrap_or_else(|| "/".to_owned()),
        client: Some(client.clone()),
    };
    let remember = fields.optional_bool("rememberMe", true);
    let oauth_query = fields.filled("oauth_query");
    fields.check()?;
    fields.refuse_system_fields()?;
    let answer = app.identity().sign_up(request).await?.into_inner();
    let user = answer.user.ok_or_else(Error::internal)?;
    let how = How { remember, oauth_query };
    let mut response = start_session(&app, &user, client, how, json!({})).await?;
    app.cookies.set_device(response.headers_mut(), &answer.device_token);
    Ok(response)
}

/// `POST /sign-in/email`.
pub async fn sign_in(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    mut fields: Fields,
) -> Result<Response, AuthError> {
    let request = SignInRequest {
        email: fields.string("email"),
        password: fields.string("password"),
        client: Some(client.clone()),
        device_token: app.cookies.device(&headers),
    };
    let callback = fields.filled("callbackURL");
    let remember = fields.optional_bool("rememberMe", true);
    let oauth_query = fields.filled("oauth_query");
    fields.check()?;
    let answer = app.identity().sign_in(request).await?.into_inner();
    let user = answer.user.ok_or_else(Error::internal)?;
    let mut extra = json!({ "redirect": callback.is_some() });
    if let Some(url) = &callback {
        extra["url"] = json!(url);
    }
    let how = How { remember, oauth_query };
    let mut response = start_session(&app, &user, client, how, extra).await?;
    app.cookies.set_device(response.headers_mut(), &answer.device_token);
    if let Some(target) = callback {
        redirect::hint(&mut response, &target);
    }
    Ok(response)
}

/// How a session starts.
#[derive(Debug, Default)]
pub struct How {
    pub remember: bool,
    /// The request of an application that the person signs in for.
    pub oauth_query: Option<String>,
}

/// Answers `{…, token, user}` with the cookies of a new session; or, for an application, where the
/// browser goes.
pub async fn start_session(
    app: &App,
    user: &User,
    client: Client,
    how: How,
    mut body: Value,
) -> Result<Response, AuthError> {
    let How { remember, oauth_query } = how;
    let token = new_session(app, user, client.clone(), remember).await?;
    body["token"] = json!(token);
    body["user"] = output::user(user);
    let onward = oidc::after_sign_in(app, oauth_query.as_deref(), &token, client).await?;
    let mut response = onward.unwrap_or_else(|| Json(body).into_response());
    app.cookies.set_session(response.headers_mut(), &token, remember);
    Ok(response)
}

/// The token of a new session.
pub async fn new_session(
    app: &App,
    user: &User,
    client: Client,
    remember: bool,
) -> Result<String, AuthError> {
    let request = CreateSessionRequest {
        user_id: user.id.clone(),
        client: Some(client),
        remember,
        impersonator_session_id: String::new(),
        epoch: user.session_epoch,
    };
    let created = app.sessions().create_session(request).await.map_err(AuthError::from);
    match created {
        Ok(created) => Ok(created.into_inner().token),
        // Erased since the password was proven.
        Err(error) if error.reason() == "USER_NOT_FOUND" => {
            let (code, reason) = (ErrorCode::Unauthenticated, "FAILED_TO_CREATE_SESSION");
            Err(AuthError::new(code, reason, "Please sign in again."))
        }
        Err(error) => Err(error),
    }
}
