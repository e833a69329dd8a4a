use api::session::{
    DecideDeviceRequest, Decision, DescribeRequestRequest, FindDeviceRequest, ListConsentsRequest,
    WithdrawConsentRequest,
};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use kernel::{Error, ErrorCode};
use serde_json::{Map, Value, json};

use super::authorize::{Asked, Target, ask, target, to_wire, waited};
use super::calls::object;
use super::parse_json;
use super::signed_query::{Purpose, Waited};
use crate::better_auth::{AuthError, Current, Fields, Level, Query};
use crate::caller::RequestClient;
use crate::error::from_peer;
use crate::state::App;

/// What people are told of an application.
const SHOWN: [&str; 5] = ["client_name", "client_uri", "logo_uri", "tos_uri", "policy_uri"];

fn signed(app: &App, query: &str) -> Result<Waited, AuthError> {
    // Unsigned it would do as well, and be anybody's.
    let has_signature = query.contains("sig=");
    let found = waited(app, Purpose::Authorize, query).filter(|_| has_signature);
    found
        .ok_or_else(|| AuthError::bad_request("INVALID_SIGNATURE", "The request is too old, or was changed."))
}

fn client(id: &str, metadata_json: &str) -> Map<String, Value> {
    let metadata = object(parse_json(metadata_json));
    let mut shown = Map::new();
    shown.insert("client_id".to_owned(), json!(id));
    for name in SHOWN {
        if let Some(value) = metadata.get(name) {
            shown.insert(name.to_owned(), value.clone());
        }
    }
    shown
}

/// `POST /oauth2/public-client-prelogin`: for whom a person is to sign in.
pub async fn prelogin(State(app): State<App>, mut fields: Fields) -> Result<Json<Value>, AuthError> {
    let query = fields.string("oauth_query");
    let named = fields.filled("client_id");
    fields.check()?;
    let found = app.queries.open(Purpose::Authorize, &query, app.clock.now());
    let found = found.or_else(|| app.queries.open(Purpose::EndSession, &query, app.clock.now()));
    let waited = found.ok_or_else(|| {
        AuthError::bad_request("INVALID_SIGNATURE", "The request is too old, or was changed.")
    })?;
    let id = waited.parameters.iter().find(|(name, _)| name == "client_id").map(|(_, id)| id.clone());
    let not_found =
        || AuthError::new(ErrorCode::NotFound, "CLIENT_NOT_FOUND", "There is no such application.");
    let id = id.filter(|id| named.is_none_or(|named| named == *id)).ok_or_else(not_found)?;
    let request = api::session::GetClientRequest { client_id: id };
    let found = app.oauth_clients().get_client(request).await?.into_inner().client.ok_or_else(not_found)?;
    Ok(Json(Value::Object(client(&found.client_id, &found.metadata_json))))
}

/// `GET /oauth2/consent-request`: what a person is asked to agree to.
pub async fn consent_request(
    State(app): State<App>,
    headers: HeaderMap,
    Query(mut query): Query,
) -> Result<Json<Value>, AuthError> {
    let signed_query = query.string("oauth_query");
    query.check()?;
    let waited = signed(&app, &signed_query)?;
    let current = Current::require(&app, &headers, Level::Live).await?;
    let request =
        DescribeRequestRequest { parameters: to_wire(&waited.parameters), session_token: current.token };
    let found = app.provider().describe_request(request).await?.into_inner();
    let metadata = object(parse_json(&found.client_metadata_json));
    let scopes: Vec<Value> =
        found.scopes.iter().map(|asked| json!({ "scope": asked.scope, "granted": asked.granted })).collect();
    Ok(Json(json!({
        "client": client(&found.client_id, &found.client_metadata_json),
        "user": { "name": found.user_name, "email": found.user_email },
        "scopes": scopes,
        "redirect_host": found.redirect_host,
        "first_party": metadata.get("skip_consent").and_then(Value::as_bool).unwrap_or_default(),
    })))
}

/// `POST /oauth2/consent`: the person has decided.
pub async fn consent(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    mut fields: Fields,
) -> Result<Response, AuthError> {
    if fields.raw("accept").is_none() {
        fields.reject("accept", "Invalid input: expected boolean, received undefined");
    }
    let accepted = fields.optional_bool("accept", false);
    let scope = fields.filled("scope").unwrap_or_default();
    let query = fields.string("oauth_query");
    fields.check()?;
    let waited = signed(&app, &query)?;
    let current = Current::require(&app, &headers, Level::Own).await?;
    let scopes = scope.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
    let decision = Some(Decision { accepted, scopes });
    let asked = Asked { session_token: current.token, decision, client };
    go(&app, &waited, asked).await
}

/// `POST /oauth2/continue`: the person has done what they were asked to.
pub async fn go_on(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    mut fields: Fields,
) -> Result<Response, AuthError> {
    let query = fields.string("oauth_query");
    fields.check()?;
    let waited = signed(&app, &query)?;
    let current = Current::require(&app, &headers, Level::Live).await?;
    go(&app, &waited, Asked { session_token: current.token, decision: None, client }).await
}

async fn go(app: &App, waited: &Waited, asked: Asked) -> Result<Response, AuthError> {
    let outcome = ask(app, waited, asked).await?;
    Ok(match target(app, waited, outcome) {
        // A script cannot be given a page: the browser fetches it by the request itself.
        Target::Form(..) => {
            let now = app.clock.now();
            let query = app.queries.sign(Purpose::Authorize, &waited.parameters, waited.requested_at, now);
            super::lead_script(&format!("{}/oauth2/authorize?{query}", app.issuer))
        }
        url @ Target::Url(_) => url.into_response(),
    })
}

/// After a sign-in that was made for an application: where the browser goes, in place of what else
/// would be answered. None without such a query, or with one that does not hold.
pub async fn after_sign_in(
    app: &App,
    query: Option<&str>,
    session_token: &str,
    client: api::common::Client,
) -> Result<Option<Response>, AuthError> {
    let Some(waited) = query.and_then(|query| signed(app, query).ok()) else { return Ok(None) };
    let asked = Asked { session_token: session_token.to_owned(), decision: None, client };
    go(app, &waited, asked).await.map(Some)
}

/// `GET /oauth2/device`: what a device asks for.
pub async fn show_device(
    State(app): State<App>,
    headers: HeaderMap,
    Query(mut query): Query,
) -> Result<Json<Value>, AuthError> {
    let user_code = query.string("user_code");
    query.check()?;
    Current::require(&app, &headers, Level::Live).await?;
    let found = app.provider().find_device(FindDeviceRequest { user_code }).await?.into_inner();
    Ok(Json(json!({
        "client": client(&found.client_id, &found.client_metadata_json),
        "scopes": found.scopes,
        "user_code": found.user_code,
    })))
}

/// `POST /oauth2/device`.
pub async fn decide_device(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    mut fields: Fields,
) -> Result<Json<Value>, AuthError> {
    let user_code = fields.string("user_code");
    if fields.raw("accept").is_none() {
        fields.reject("accept", "Invalid input: expected boolean, received undefined");
    }
    let accepted = fields.optional_bool("accept", false);
    fields.check()?;
    let current = Current::require(&app, &headers, Level::Own).await?;
    let request =
        DecideDeviceRequest { user_code, session_token: current.token, accepted, client: Some(client) };
    app.provider().decide_device(request).await?;
    Ok(Json(json!({ "status": true })))
}

/// `GET /oauth2/get-consents`.
pub async fn list_consents(State(app): State<App>, headers: HeaderMap) -> Result<Response, AuthError> {
    let current = Current::require(&app, &headers, Level::Live).await?;
    let request = ListConsentsRequest { user_id: current.user.id };
    let found = app.provider().list_consents(request).await?.into_inner();
    let consents: Vec<Value> = found
        .consents
        .iter()
        .map(|consent| {
            json!({
                "id": consent.id,
                "clientId": consent.client_id,
                "clientName": consent.client_name,
                "scopes": consent.scopes,
                "createdAt": api::millis(consent.created_at.as_ref()),
                "updatedAt": api::millis(consent.updated_at.as_ref()),
            })
        })
        .collect();
    let mut response = Json(consents).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `POST /oauth2/delete-consent`.
pub async fn withdraw_consent(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    mut fields: Fields,
) -> Result<Json<Value>, AuthError> {
    let consent_id = fields.string("id");
    fields.check()?;
    let current = Current::require(&app, &headers, Level::Own).await?;
    let request = WithdrawConsentRequest { user_id: current.user.id, consent_id, client: Some(client) };
    let done = app.provider().withdraw_consent(request).await;
    done.map_err(|status| -> Error { from_peer(&status) })?;
    Ok(Json(json!({ "success": true })))
}
