use std::str::FromStr;

use api::session::{
    CreateClientRequest, DeleteClientRequest, GetClientRequest, ListClientsRequest, OAuthClient,
    RotateClientSecretRequest, UpdateClientRequest,
};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use kernel::{Error, ErrorCode};
use serde_json::{Value, json};

use super::calls::object;
use super::error::{OAuthProblem, no_store};
use super::parse_json;
use crate::better_auth::{Administrator, Asked, AuthError, Current, Fields, Level, Query};
use crate::body;
use crate::caller::RequestClient;
use crate::state::App;

const REFUSAL: (&str, &str) =
    ("YOU_ARE_NOT_ALLOWED_TO_MANAGE_APPLICATIONS", "You are not allowed to manage applications");

/// Who may register applications at `/oauth2/register` (RFC 7591).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RegistrationPolicy {
    #[default]
    Off,
    /// Administrators, signed in.
    Admin,
    /// Anybody.
    Open,
}

impl FromStr for RegistrationPolicy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "" | "off" => Ok(Self::Off),
            "admin" => Ok(Self::Admin),
            "open" => Ok(Self::Open),
            _ => Err(Error::invalid("INVALID_CLIENT_REGISTRATION", "off, admin and open can be used")),
        }
    }
}

impl RegistrationPolicy {
    pub fn is_open(self) -> bool {
        self != Self::Off
    }
}

/// RFC 7591, section 3.2.1.
fn information(client: Option<OAuthClient>) -> Result<Value, Error> {
    let client = client.ok_or_else(Error::internal)?;
    let mut told = object(parse_json(&client.metadata_json));
    let issued_at = api::time(client.created_at.as_ref()).map_err(|_| Error::internal())?;
    told.insert("client_id".to_owned(), json!(client.client_id));
    told.insert("client_id_issued_at".to_owned(), json!(issued_at.timestamp()));
    if !client.client_secret.is_empty() {
        told.insert("client_secret".to_owned(), json!(client.client_secret));
    }
    // Required beside a secret; 0: it does not expire.
    told.insert("client_secret_expires_at".to_owned(), json!(0));
    Ok(Value::Object(told))
}

/// `POST /oauth2/register`.
pub async fn register(
    State(app): State<App>,
    RequestClient(client): RequestClient,
    headers: HeaderMap,
    posted: Result<Bytes, BytesRejection>,
) -> Result<Response, OAuthProblem> {
    let bytes = body::read(posted)?;
    if app.registration == RegistrationPolicy::Off {
        let error = Error::denied("ACCESS_DENIED", "Applications are registered by administrators");
        return Err(error.into());
    }
    let by = registrar(&app, &headers).await?;
    if body::media_type(&headers) != "application/json" {
        return Err(Error::invalid("UNSUPPORTED_MEDIA_TYPE", "JSON is expected").into());
    }
    let text = String::from_utf8(bytes.to_vec());
    let metadata_json =
        text.map_err(|_| Error::invalid("INVALID_CLIENT_METADATA", "The metadata is no UTF-8"))?;
    let request =
        CreateClientRequest { metadata_json, self_registered: true, actor: by, client: Some(client) };
    let made = app.oauth_clients().create_client(request).await?.into_inner();
    let body = information(made.client)?;
    Ok(no_store((StatusCode::CREATED, Json(body)).into_response()))
}

/// The administrator who registers; empty where anybody may.
async fn registrar(app: &App, headers: &HeaderMap) -> Result<String, OAuthProblem> {
    if app.registration == RegistrationPolicy::Open {
        return Ok(String::new());
    }
    // By bearer token alone: any page may call here, and none has a person's cookies at its service.
    let mut without_cookies = headers.clone();
    without_cookies.remove(axum::http::header::COOKIE);
    let unauthenticated = || {
        let error =
            Error::new(ErrorCode::Unauthenticated, "INVALID_TOKEN", "An administrator's session is needed");
        OAuthProblem::from(error).challenging("Bearer")
    };
    let current = Current::require(app, &without_cookies, Level::Own).await.map_err(|_| unauthenticated())?;
    match current.user.role().to_kernel() {
        kernel::Role::Admin => Ok(current.user.id),
        _ => Err(Error::denied("ACCESS_DENIED", "Only administrators may register applications").into()),
    }
}

/// `GET /admin/oauth2/list-clients`.
pub async fn list(asked: Asked) -> Result<Json<Value>, AuthError> {
    let admin = asked.administrator(REFUSAL).await?;
    let found = admin.app.oauth_clients().list_clients(ListClientsRequest {}).await?.into_inner();
    let clients: Vec<Value> =
        found.clients.into_iter().map(|client| information(Some(client))).collect::<Result<_, _>>()?;
    Ok(Json(json!({ "clients": clients })))
}

/// `GET /admin/oauth2/get-client?client_id=`.
pub async fn show(asked: Asked, Query(mut query): Query) -> Result<Json<Value>, AuthError> {
    let client_id = query.string("client_id");
    query.check()?;
    let admin = asked.administrator(REFUSAL).await?;
    let found = admin.app.oauth_clients().get_client(GetClientRequest { client_id }).await?.into_inner();
    Ok(Json(information(found.client)?))
}

/// `POST /admin/oauth2/create-client`: the body is the metadata.
pub async fn create(asked: Asked, fields: Fields) -> Result<Json<Value>, AuthError> {
    let admin = asked.administrator(REFUSAL).await?;
    let request = CreateClientRequest {
        metadata_json: Value::Object(fields.into_members()?).to_string(),
        self_registered: false,
        actor: actor(&admin),
        client: Some(admin.client.clone()),
    };
    let made = admin.app.oauth_clients().create_client(request).await?.into_inner();
    Ok(Json(information(made.client)?))
}

/// `POST /admin/oauth2/update-client`.
pub async fn update(asked: Asked, mut fields: Fields) -> Result<Json<Value>, AuthError> {
    let client_id = fields.string("client_id");
    fields.require("update", "object");
    let changes = fields.object("update");
    fields.check()?;
    let admin = asked.administrator(REFUSAL).await?;
    let changes = changes.ok_or_else(Error::internal)?.into_members()?;
    let request = UpdateClientRequest {
        client_id,
        metadata_json: Value::Object(changes).to_string(),
        actor: actor(&admin),
        client: Some(admin.client.clone()),
    };
    let made = admin.app.oauth_clients().update_client(request).await?.into_inner();
    Ok(Json(information(made.client)?))
}

/// `POST /admin/oauth2/delete-client`.
pub async fn delete(asked: Asked, mut fields: Fields) -> Result<Json<Value>, AuthError> {
    let client_id = fields.string("client_id");
    fields.check()?;
    let admin = asked.administrator(REFUSAL).await?;
    let request = DeleteClientRequest { client_id, actor: actor(&admin), client: Some(admin.client.clone()) };
    admin.app.oauth_clients().delete_client(request).await?;
    Ok(Json(json!({ "success": true })))
}

/// `POST /admin/oauth2/rotate-secret`.
pub async fn rotate_secret(asked: Asked, mut fields: Fields) -> Result<Json<Value>, AuthError> {
    let client_id = fields.string("client_id");
    fields.check()?;
    let admin = asked.administrator(REFUSAL).await?;
    let request =
        RotateClientSecretRequest { client_id, actor: actor(&admin), client: Some(admin.client.clone()) };
    let made = admin.app.oauth_clients().rotate_client_secret(request).await?.into_inner();
    Ok(Json(information(made.client)?))
}

fn actor(admin: &Administrator) -> String {
    admin.current.user.id.clone()
}
