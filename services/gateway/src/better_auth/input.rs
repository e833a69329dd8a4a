use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use kernel::ErrorCode;
use serde_json::{Map, Value};

use super::error::AuthError;
use crate::body;
use crate::state::App;

/// Fields that only the system may set: a request that carries one is refused, not ignored.
const SYSTEM_FIELDS: [&str; 5] = ["role", "banned", "banReason", "banExpires", "emailVerified"];

/// A request body as an object of JSON members.
#[derive(Debug)]
pub struct Fields {
    members: Map<String, Value>,
    problems: Vec<String>,
}

impl Fields {
    /// `application/json`, and forms where `form` allows them. An empty body is an empty object
    /// only where `optional`.
    pub fn parse(
        headers: &HeaderMap,
        body: Result<Bytes, BytesRejection>,
        form: bool,
        optional: bool,
    ) -> Result<Self, AuthError> {
        let body = body::read(body)?;
        if body.is_empty() && optional {
            return Ok(Self { members: Map::new(), problems: Vec::new() });
        }
        let value = match body::media_type(headers).as_str() {
            "application/json" => serde_json::from_slice(&body)
                .map_err(|_| AuthError::bad_request("BAD_REQUEST", "The body is not valid JSON"))?,
            "application/x-www-form-urlencoded" if form => form_object(&body),
            _ => {
                return Err(AuthError::bad_request(
                    "UNSUPPORTED_MEDIA_TYPE",
                    "Content-Type is not allowed. Allowed: application/json",
                ));
            }
        };
        match value {
            Value::Object(members) => Ok(Self { members, problems: Vec::new() }),
            other => Err(AuthError::bad_request(
                "VALIDATION_ERROR",
                format!("[body] Invalid input: expected object, received {}", kind(Some(&other))),
            )),
        }
    }

    pub fn string(&mut self, name: &str) -> String {
        match self.members.get(name) {
            Some(Value::String(text)) => text.clone(),
            other => {
                self.problems.push(expected(name, "string", other));
                String::new()
            }
        }
    }

    pub fn optional_string(&mut self, name: &str) -> Option<String> {
        match self.members.get(name) {
            None => None,
            Some(Value::String(text)) => Some(text.clone()),
            other => {
                self.problems.push(expected(name, "string", other));
                None
            }
        }
    }

    /// Forms carry `true` and `false` as text.
    pub fn optional_bool(&mut self, name: &str, default: bool) -> bool {
        match self.members.get(name) {
            None => default,
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) if text == "true" => true,
            Some(Value::String(text)) if text == "false" => false,
            other => {
                self.problems.push(expected(name, "boolean", other));
                default
            }
        }
    }

    /// Every schema problem at once.
    pub fn check(&self) -> Result<(), AuthError> {
        if self.problems.is_empty() {
            return Ok(());
        }
        Err(AuthError::bad_request("VALIDATION_ERROR", self.problems.join("; ")))
    }

    pub fn refuse_system_fields(&self) -> Result<(), AuthError> {
        let is_set = |name: &str| {
            self.members.get(name).is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false)))
        };
        match SYSTEM_FIELDS.into_iter().find(|name| is_set(name)) {
            Some(name) => {
                Err(AuthError::bad_request("FIELD_NOT_ALLOWED", format!("{name} is not allowed to be set")))
            }
            None => Ok(()),
        }
    }
}

/// The query, or the error that a bad schema gets.
pub fn accepted<T>(query: Result<Query<T>, QueryRejection>) -> Result<T, AuthError> {
    query.map(|Query(query)| query).map_err(|rejection| {
        AuthError::bad_request("VALIDATION_ERROR", format!("[query] {}", rejection.body_text()))
    })
}

fn form_object(body: &[u8]) -> Value {
    let pairs = url::form_urlencoded::parse(body);
    Value::Object(pairs.map(|(key, value)| (key.into_owned(), Value::String(value.into_owned()))).collect())
}

fn expected(name: &str, wanted: &str, found: Option<&Value>) -> String {
    format!("[body.{name}] Invalid input: expected {wanted}, received {}", kind(found))
}

fn kind(value: Option<&Value>) -> &'static str {
    match value {
        None => "undefined",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Object(_)) => "object",
    }
}

/// The contract's origin rules (its section 6): requests with cookies, and first sign-ins from a
/// browser, must come from a trusted page. Clients without cookies need no `Origin`.
pub async fn require_trusted_origin(State(app): State<App>, request: Request, next: Next) -> Response {
    match judge(&app, request.method(), request.uri().path(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn judge(app: &App, method: &Method, path: &str, headers: &HeaderMap) -> Result<(), AuthError> {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return Ok(());
    }
    let has = |name: &str| headers.contains_key(name);
    let untrusted = || {
        let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
        match origin {
            None if !has("referer") => missing_origin(),
            Some("null") => missing_origin(),
            _ => AuthError::new(ErrorCode::PermissionDenied, "INVALID_ORIGIN", "Invalid origin"),
        }
    };
    if has("cookie") {
        return if app.origins.allows_headers(headers) { Ok(()) } else { Err(untrusted()) };
    }
    if !(path.ends_with("/sign-in/email") || path.ends_with("/sign-up/email")) {
        return Ok(());
    }
    let fetch_metadata =
        ["sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "sec-fetch-user"].into_iter().any(has);
    if fetch_metadata {
        let is = |name: &str, value: &str| headers.get(name).is_some_and(|found| found == value);
        if is("sec-fetch-site", "cross-site") && is("sec-fetch-mode", "navigate") {
            return Err(AuthError::new(
                ErrorCode::PermissionDenied,
                "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED",
                "Cross-site navigation login blocked. This request appears to be a CSRF attack.",
            ));
        }
    }
    if fetch_metadata || has("origin") || has("referer") {
        return if app.origins.allows_headers(headers) { Ok(()) } else { Err(untrusted()) };
    }
    Ok(())
}

fn missing_origin() -> AuthError {
    AuthError::new(ErrorCode::PermissionDenied, "MISSING_OR_NULL_ORIGIN", "Missing or null Origin")
}

/// A redirect target given by the client must stay on trusted origins.
pub fn check_callback(app: &App, callback: Option<&str>) -> Result<(), AuthError> {
    match callback {
        Some(target) if !app.origins.allows_redirect(target) => {
            Err(AuthError::new(ErrorCode::PermissionDenied, "INVALID_CALLBACK_URL", "Invalid callbackURL"))
        }
        _ => Ok(()),
    }
}
