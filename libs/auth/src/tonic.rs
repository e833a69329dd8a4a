//! Callers of a tonic server.
//!
//! ```ignore
//! Server::builder()
//!     .layer(current_user(server))
//!     .add_service(MarksServer::with_interceptor(marks, require_user))
//!     .add_service(HealthServer::new(health)); // open to everybody
//!
//! async fn mark(&self, request: Request<MarkRequest>) -> Result<Response<Marked>, Status> {
//!     let instructor = require_role(&request, Role::Instructor)?;
//! ```

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use ::http::{HeaderMap, HeaderValue};
use ::tonic::metadata::MetadataMap;
use ::tonic::{Code, Request, Status};
use ::tower::{Layer, Service};
use kernel::{ErrorCode, Role};

use crate::server::Rule;
use crate::{Claims, Refusal, ResourceServer};

/// Looks at the metadata `authorization` (and `dpop`) of each call and puts the [`Claims`] of its
/// token into the extensions. A bad token is refused; without one the call goes on, and the
/// functions below refuse it where a caller is needed.
pub fn current_user(server: ResourceServer) -> CurrentUserLayer {
    CurrentUserLayer(server)
}

/// Who calls, a person or an application that acts for itself.
///
/// # Errors
/// UNAUTHENTICATED.
pub fn caller<T>(request: &Request<T>) -> Result<&Claims, Status> {
    request.extensions().get().ok_or_else(|| status(&Refusal::missing()))
}

/// Interceptor of a service for people alone.
///
/// # Errors
/// UNAUTHENTICATED, PERMISSION_DENIED.
pub fn require_user(request: Request<()>) -> Result<Request<()>, Status> {
    allowed(&request, Rule::User)?;
    Ok(request)
}

/// The person who calls, with this role or a higher one.
///
/// # Errors
/// UNAUTHENTICATED, PERMISSION_DENIED.
pub fn require_role<T>(request: &Request<T>, role: Role) -> Result<&Claims, Status> {
    allowed(request, Rule::Role(role))
}

/// The person who calls, whose address is proven.
///
/// # Errors
/// UNAUTHENTICATED, PERMISSION_DENIED.
pub fn require_verified_email<T>(request: &Request<T>) -> Result<&Claims, Status> {
    allowed(request, Rule::VerifiedEmail)
}

/// Who calls, with a token of this scope or as a first party.
///
/// # Errors
/// UNAUTHENTICATED, PERMISSION_DENIED.
pub fn require_scope<'r, T>(request: &'r Request<T>, scope: &'static str) -> Result<&'r Claims, Status> {
    allowed(request, Rule::Scope(scope))
}

fn allowed<T>(request: &Request<T>, rule: Rule) -> Result<&Claims, Status> {
    let claims = caller(request)?;
    rule.allows(claims).map_err(|refusal| status(&refusal))?;
    Ok(claims)
}

/// The reason stands in the metadata `reason`, what could be done better in `www-authenticate`.
fn status(refusal: &Refusal) -> Status {
    let error = refusal.error();
    let code = match error.code {
        ErrorCode::Unauthenticated => Code::Unauthenticated,
        ErrorCode::PermissionDenied => Code::PermissionDenied,
        ErrorCode::Unavailable => Code::Unavailable,
        _ => Code::Internal,
    };
    let mut headers = HeaderMap::new();
    headers.extend(HeaderValue::from_str(&error.reason).ok().map(|reason| (REASON, reason)));
    for challenge in refusal.challenges() {
        headers.append(::http::header::WWW_AUTHENTICATE, challenge);
    }
    Status::with_metadata(code, error.message.clone(), MetadataMap::from_headers(headers))
}

const REASON: ::http::HeaderName = ::http::HeaderName::from_static("reason");

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

impl<S, In, Out> Service<::http::Request<In>> for KnowingCallers<S>
where
    S: Service<::http::Request<In>, Response = ::http::Response<Out>> + Clone + Send + 'static,
    S::Future: Send,
    In: Send + 'static,
    Out: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: ::http::Request<In>) -> Self::Future {
        let server = self.server.clone();
        // The one that is ready, not its clone.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let method = parts.method.as_str();
            match server.authenticate(&parts.headers, method, parts.uri.path()).await {
                Ok(claims) => drop(parts.extensions.insert(claims)),
                Err(refusal) if refusal.is_missing() => drop(parts.extensions.remove::<Claims>()),
                Err(refusal) => return Ok(status(&refusal).into_http()),
            }
            inner.call(::http::Request::from_parts(parts, body)).await
        })
    }
}
