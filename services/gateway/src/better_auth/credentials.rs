use api::common::Client;
use api::identity::{SignInRequest, SignUpRequest, User};
use api::session::CreateSessionRequest;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use kernel::Error;
use serde_json::{Value, json};

use super::error::AuthError;
use super::input::{Fields, check_callback};
use super::output;
use crate::caller::RequestClient;
use crate::state::App;

/// `POST /sign-up/email`. The new user is signed in at once; what needs a verified address says
/// so itself.
pub async fn sign_up(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, AuthError> {
    let mut fields = Fields::parse(&headers, body, true, false)?;
    let request = SignUpRequest {
        name: fields.string("name"),
        email: fields.string("email"),
        password: fields.string("password"),
        image: fields.optional_string("image"),
        callback_url: fields.optional_string("callbackURL").unwrap_or_else(|| "/".to_owned()),
        client: Some(client.clone()),
    };
    let remember = fields.optional_bool("rememberMe", true);
    fields.check()?;
    fields.refuse_system_fields()?;
    check_callback(&app, Some(&request.callback_url))?;
    let user = app.identity().sign_up(request).await?.into_inner().user.ok_or_else(Error::internal)?;
    start_session(&app, user, client, remember, &json!({})).await
}

/// `POST /sign-in/email`.
pub async fn sign_in(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, AuthError> {
    let mut fields = Fields::parse(&headers, body, true, false)?;
    let request = SignInRequest {
        email: fields.string("email"),
        password: fields.string("password"),
        client: Some(client.clone()),
    };
    let callback = fields.optional_string("callbackURL");
    let remember = fields.optional_bool("rememberMe", true);
    fields.check()?;
    check_callback(&app, callback.as_deref())?;
    let user = app.identity().sign_in(request).await?.into_inner().user.ok_or_else(Error::internal)?;
    let mut extra = json!({ "redirect": callback.is_some() });
    if let Some(url) = &callback {
        extra["url"] = json!(url);
    }
    let mut response = start_session(&app, user, client, remember, &extra).await?;
    if let Some(location) = callback.and_then(|url| HeaderValue::from_str(&url).ok()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

async fn start_session(
    app: &App,
    user: User,
    client: Client,
    remember: bool,
    extra: &Value,
) -> Result<Response, AuthError> {
    let request = CreateSessionRequest { user_id: user.id.clone(), client: Some(client), remember };
    let created = app.sessions().create_session(request).await?.into_inner();
    let mut body = extra.clone();
    body["token"] = json!(created.token);
    body["user"] = output::user(&user);
    let mut response = Json(body).into_response();
    app.cookies.set_session(response.headers_mut(), &created.token, remember);
    Ok(response)
}
