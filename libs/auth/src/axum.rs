//! Callers of an axum server.
//!
//! ```ignore
//! let app = Router::new()
//!     .route("/me", get(|CurrentUser(user): CurrentUser| async move { user.sub }))
//!     .route("/marks", post(mark).route_layer(require_role(Role::Instructor)))
//!     .layer(current_user(server));
//! ```

use std::convert::Infallible;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ::axum::Json;
use ::axum::extract::{FromRequestParts, OptionalFromRequestParts, OriginalUri, Request};
use ::axum::http::request::Parts;
use ::axum::http::{HeaderValue, StatusCode, header};
use ::axum::response::{IntoResponse, Response};
use ::tower::{Layer, Service};
use kernel::{Retry, Role};
use serde_json::{Map, Value, json};

use crate::server::Rule;
use crate::{Claims, Refusal, ResourceServer};

/// Lets everything below it know its caller. It refuses nobody: that is for the extractors and for
/// `require_…`, which look at the token when they are reached, and once for each request.
pub fn current_user(server: ResourceServer) -> CurrentUserLayer {
    CurrentUserLayer(server)
}

/// Only people; see [`CurrentUser`].
pub fn require_user() -> Require {
    Require(Rule::User)
}

/// Only people with this role or a higher one: else 403 FORBIDDEN.
pub fn require_role(role: Role) -> Require {
    Require(Rule::Role(role))
}

/// Only people whose address is proven: else 403 EMAIL_NOT_VERIFIED. An application is told so with
/// the scope `email` alone.
pub fn require_verified_email() -> Require {
    Require(Rule::VerifiedEmail)
}

/// Only tokens with this scope, and first parties: else 403 `insufficient_scope` (RFC 6750, 3.1).
pub fn require_scope(scope: &'static str) -> Require {
    Require(Rule::Scope(scope))
}

/// The person behind the request. As an `Option` also nobody, but never somebody with a bad token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrentUser(pub Claims);

/// Whoever is behind the request, a person or an application that acts for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller(pub Claims);

/// The person behind the request, whose address is proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequireVerifiedEmail(pub Claims);

/// The person behind the request, with the role `R` or a higher one: `RequireRole<Instructor>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequireRole<R>(pub Claims, PhantomData<R>);

/// A role as a type, for [`RequireRole`].
pub trait AtLeast {
    const ROLE: Role;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instructor;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admin;

impl AtLeast for Instructor {
    const ROLE: Role = Role::Instructor;
}

impl AtLeast for Admin {
    const ROLE: Role = Role::Admin;
}

/// What became of the request's token: a proof of possession is good once, so it is looked at once.
#[derive(Clone)]
struct Looked(Result<Claims, Refusal>);

async fn caller(parts: &mut Parts) -> Result<Claims, Refusal> {
    if let Some(Looked(outcome)) = parts.extensions.get() {
        return outcome.clone();
    }
    let Some(server) = parts.extensions.get::<ResourceServer>() else {
        tracing::error!("nobody can be let in: the layer current_user is missing");
        return Err(Refusal::defect());
    };
    // Below a nested router the request's own path has lost its beginning.
    let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri);
    let outcome = server.authenticate(&parts.headers, parts.method.as_str(), uri.path()).await;
    parts.extensions.insert(Looked(outcome.clone()));
    outcome
}

async fn allowed(parts: &mut Parts, rule: Rule) -> Result<Claims, Refusal> {
    let claims = caller(parts).await?;
    rule.allows(&claims)?;
    Ok(claims)
}

fn or_nobody<T>(found: Result<T, Refusal>) -> Result<Option<T>, Refusal> {
    match found {
        Err(refusal) if refusal.is_missing() => Ok(None),
        found => found.map(Some),
    }
}

impl<S: Send + Sync> FromRequestParts<S> for CurrentUser {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        allowed(parts, Rule::User).await.map(Self)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for CurrentUser {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Refusal> {
        or_nobody(allowed(parts, Rule::User).await.map(Self))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        caller(parts).await.map(Self)
    }
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Refusal> {
        or_nobody(caller(parts).await.map(Self))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequireVerifiedEmail {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        allowed(parts, Rule::VerifiedEmail).await.map(Self)
    }
}

impl<S: Send + Sync, R: AtLeast> FromRequestParts<S> for RequireRole<R> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        allowed(parts, Rule::Role(R::ROLE)).await.map(|claims| Self(claims, PhantomData))
    }
}

/// See [`current_user`].
#[derive(Debug, Clone)]
pub struct CurrentUserLayer(ResourceServer);

impl<S> Layer<S> for CurrentUserLayer {
    type Service = KnowingCallers<S>;

    fn layer(&self, inner: S) -> Self::Service {
        KnowingCallers { inner, server: self.0.clone() }
    }
}

/// The service below [`current_user`].
#[derive(Debug, Clone)]
pub struct KnowingCallers<S> {
    inner: S,
    server: ResourceServer,
}

impl<S: Service<Request>> Service<Request> for KnowingCallers<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request) -> S::Future {
        // What another server found, which may believe other issuers, counts for nothing here.
        request.extensions_mut().remove::<Looked>();
        request.extensions_mut().insert(self.server.clone());
        self.inner.call(request)
    }
}

/// A layer that lets through whom its rule allows. It must be below [`current_user`].
#[derive(Debug, Clone, Copy)]
pub struct Require(Rule);

impl<S> Layer<S> for Require {
    type Service = Requiring<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Requiring { inner, rule: self.0 }
    }
}

/// The service behind [`Require`].
#[derive(Debug, Clone)]
pub struct Requiring<S> {
    inner: S,
    rule: Rule,
}

impl<S> Service<Request> for Requiring<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let rule = self.rule;
        // The one that is ready, not its clone.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match allowed(&mut parts, rule).await {
                Ok(_) => inner.call(Request::from_parts(parts, body)).await,
                Err(refusal) => Ok(refusal.into_response()),
            }
        })
    }
}

/// As `application/problem+json` (RFC 9457), in the shape of IntelliStack's own API.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = self.error();
        let status =
            StatusCode::from_u16(error.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let slug = error.reason.to_ascii_lowercase().replace('_', "-");
        let mut body = Map::new();
        body.insert("type".into(), json!(format!("/errors/{slug}")));
        body.insert("title".into(), json!(status.canonical_reason().unwrap_or("Error")));
        body.insert("status".into(), json!(status.as_u16()));
        body.insert("detail".into(), json!(error.message));
        body.insert("reason".into(), json!(error.reason));
        for (name, value) in &error.metadata {
            body.entry(name.clone()).or_insert(json!(value));
        }
        let mut response = (status, Json(Value::Object(body))).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        for challenge in self.challenges() {
            headers.append(header::WWW_AUTHENTICATE, challenge);
        }
        if let Retry::After(wait) = error.retry {
            let seconds = wait.saturating_add(Duration::from_millis(999)).as_secs();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
