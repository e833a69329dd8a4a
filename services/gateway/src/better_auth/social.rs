use std::time::Duration;

use api::identity::{BeginRequest, CompleteRequest, CompleteResponse, SignInWithIdTokenRequest};
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use kernel::Error;
use serde_json::{Value, json};

use super::credentials::{How, new_session, start_session};
use super::current::{Current, Level};
use super::error::AuthError;
use super::input::{Fields, Query};
use super::redirect;
use crate::caller::RequestClient;
use crate::state::App;

/// Longer than identity waits for a provider, so that it is identity that says what went wrong.
const PROVIDER: Duration = Duration::from_secs(30);

/// What a provider's answer may carry (RFC 6749, section 4.1.2, RFC 9207).
const ANSWER: [&str; 7] = ["code", "state", "error", "error_description", "device_id", "user", "iss"];

/// An ID token that a native client got by itself.
struct IdToken {
    token: String,
    nonce: String,
    access_token: String,
    refresh_token: String,
}

/// A call for which identity may have to ask a provider.
pub fn patient<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(PROVIDER);
    request
}

/// `POST /sign-in/social`, up to 1.6 also `/sign-in/oauth2`.
pub async fn sign_in(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    mut fields: Fields,
) -> Result<Response, AuthError> {
    let start = Start::read(&app, &mut fields)?;
    let Some(id_token) = start.id_token else {
        return begin(&app, start.request, client, start.redirect).await;
    };
    let mut request = with_id_token(start.request.provider_id, id_token);
    request.client = Some(client.clone());
    request.device_token = app.cookies.device(&headers);
    let answer = app.social().sign_in_with_id_token(patient(request)).await?.into_inner();
    let user = answer.user.ok_or_else(Error::internal)?;
    let mut response = start_session(
        &app,
        &user,
        client,
        How { remember: true, oauth_query: None },
        json!({ "redirect": false }),
    )
    .await?;
    app.cookies.set_device(response.headers_mut(), &answer.device_token);
    Ok(response)
}

/// `POST /link-social`, up to 1.6 also `/oauth2/link`.
pub async fn link(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    mut fields: Fields,
) -> Result<Response, AuthError> {
    let start = Start::read(&app, &mut fields)?;
    let current = Current::require(&app, &headers, Level::Own).await?;
    let Some(id_token) = start.id_token else {
        return begin(&app, linking(start.request, current), client, start.redirect).await;
    };
    let mut request = with_id_token(start.request.provider_id, id_token);
    request.link_user_id = current.user.id;
    request.client = Some(client);
    app.social().sign_in_with_id_token(patient(request)).await?;
    Ok(Json(json!({ "url": "", "status": true, "redirect": false })).into_response())
}

/// The body of the routes above.
struct Start {
    request: BeginRequest,
    redirect: bool,
    id_token: Option<IdToken>,
}

impl Start {
    fn read(app: &App, fields: &mut Fields) -> Result<Self, AuthError> {
        // Up to 1.6 it was `providerId` on the routes of that time.
        let older = fields.raw("provider").is_none() && fields.raw("providerId").is_some();
        let request = BeginRequest {
            provider_id: fields.string(if older { "providerId" } else { "provider" }),
            callback_url: fields.filled("callbackURL").unwrap_or_else(|| app.public_origin.clone()),
            error_callback_url: fields.filled("errorCallbackURL").unwrap_or_default(),
            new_user_callback_url: fields.filled("newUserCallbackURL").unwrap_or_default(),
            scopes: fields.strings("scopes"),
            login_hint: fields.filled("loginHint").unwrap_or_default(),
            additional_params: fields.texts("additionalParams").into_iter().collect(),
            ..BeginRequest::default()
        };
        let redirect = !fields.optional_bool("disableRedirect", false);
        fields.optional_bool("requestSignUp", false);
        fields.object("additionalData");
        let id_token = fields.object("idToken").map(|mut inner| {
            let id_token = IdToken {
                token: inner.string("token"),
                nonce: inner.filled("nonce").unwrap_or_default(),
                access_token: inner.filled("accessToken").unwrap_or_default(),
                refresh_token: inner.filled("refreshToken").unwrap_or_default(),
            };
            fields.absorb(&inner);
            id_token
        });
        fields.check()?;
        Ok(Self { request, redirect, id_token })
    }
}

fn linking(mut request: BeginRequest, current: Current) -> BeginRequest {
    request.link_user_id = current.user.id;
    request.link_session_id = current.session.id;
    request
}

fn with_id_token(provider_id: String, id_token: IdToken) -> SignInWithIdTokenRequest {
    SignInWithIdTokenRequest {
        provider_id,
        id_token: id_token.token,
        nonce: id_token.nonce,
        access_token: id_token.access_token,
        refresh_token: id_token.refresh_token,
        ..SignInWithIdTokenRequest::default()
    }
}

/// Answers where to go, and binds the way there and back to this browser.
async fn begin(
    app: &App,
    mut request: BeginRequest,
    client: api::common::Client,
    redirect: bool,
) -> Result<Response, AuthError> {
    request.client = Some(client);
    let begun = app.social().begin(patient(request)).await?.into_inner();
    let mut response = Json(json!({ "url": begun.url, "redirect": redirect })).into_response();
    app.cookies.set_state(response.headers_mut(), &begun.state);
    if redirect {
        redirect::hint(&mut response, &begun.url);
    }
    Ok(response)
}

/// `POST /callback/{provider}` (`response_mode=form_post`): the browser sends no cookies with a post
/// from another site, so it is made to come again by GET.
pub async fn post_callback(
    State(app): State<App>,
    provider: Result<Path<String>, PathRejection>,
    Query(query): Query,
    fields: Fields,
) -> Result<Response, AuthError> {
    let Path(provider) = provider.map_err(|_| AuthError::Empty(StatusCode::NOT_FOUND))?;
    fields.check()?;
    let text = |name: &str| query.raw(name).or_else(|| fields.raw(name)).and_then(Value::as_str);
    let params: Vec<(&str, &str)> =
        ANSWER.into_iter().filter_map(|name| text(name).map(|value| (name, value))).collect();
    let mut target = url::Url::parse(&app.issuer).map_err(|_| Error::internal())?;
    // Encodes the name of the provider.
    target.path_segments_mut().map_err(|()| Error::internal())?.extend(["callback", &provider]);
    Ok(redirect::to(&redirect::with_params(target.as_str(), &params)))
}

/// `GET /callback/{provider}`: the provider has sent the browser back. Whatever happens, the browser
/// is led on, and the state is good once.
pub async fn callback(
    State(app): State<App>,
    provider: Result<Path<String>, PathRejection>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    Query(mut query): Query,
) -> Result<Response, AuthError> {
    let Path(provider_id) = provider.map_err(|_| AuthError::Empty(StatusCode::NOT_FOUND))?;
    let request = CompleteRequest {
        provider_id,
        state: query.filled("state").unwrap_or_default(),
        browser_state: app.cookies.state(&headers),
        code: query.filled("code").unwrap_or_default(),
        error: query.filled("error").unwrap_or_default(),
        error_description: query.filled("error_description").unwrap_or_default(),
        iss: query.filled("iss"),
        session_id: String::new(),
        client: Some(client),
        device_token: app.cookies.device(&headers),
    };
    let mut response = if query.check().is_err() {
        redirect::to_error(&app, "", "invalid_callback_request", "")
    } else if request.state.is_empty() {
        redirect::to_error(&app, "", "state_not_found", "")
    } else {
        match complete(&app, &headers, request).await {
            Ok(response) => response,
            Err(error) if error.is_of_contract() => redirect::to_error(&app, "", error.reason(), ""),
            Err(error) => {
                tracing::warn!(reason = error.reason(), "a social sign-in could not be completed");
                redirect::to_error(&app, "", "internal_server_error", "")
            }
        }
    };
    app.cookies.expire_state(response.headers_mut());
    Ok(response)
}

async fn complete(
    app: &App,
    headers: &HeaderMap,
    mut request: CompleteRequest,
) -> Result<Response, AuthError> {
    let client = request.client.clone().unwrap_or_default();
    let current = Current::find(app, headers).await?;
    // Linking is not for administrators who act as the user: to them the session is none.
    let own = current.filter(|current| current.session.impersonated_by.is_empty());
    request.session_id = own.map(|current| current.session.id).unwrap_or_default();
    let answer = app.social().complete(patient(request)).await?.into_inner();
    let CompleteResponse { redirect_to, error, error_description, user, linked, error_url, device_token } =
        answer;
    if !error.is_empty() {
        return Ok(redirect::to_error(app, &redirect_to, &error, &error_description));
    }
    // The URL was checked before it was stored; what is trusted may have changed since.
    if !app.origins.allows_redirect(&redirect_to) || (user.is_none() && !linked) {
        return Err(Error::internal().into());
    }
    let mut response = redirect::to(&redirect_to);
    if let Some(user) = user {
        match new_session(app, &user, client, true).await {
            Ok(token) => {
                app.cookies.set_session(response.headers_mut(), &token, true);
                app.cookies.set_device(response.headers_mut(), &device_token);
            }
            Err(error) if error.is_of_contract() => {
                return Ok(redirect::to_error(app, &error_url, error.reason(), ""));
            }
            Err(_) => return Ok(redirect::to_error(app, &error_url, "unable_to_create_session", "")),
        }
    }
    Ok(response)
}
