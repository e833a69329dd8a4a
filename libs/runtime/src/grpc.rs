use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::{BoxFuture, Either, Ready, ready};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use tower::{Layer, Service};
use tracing::Instrument;

use crate::continue_trace;

/// Server side of a call between services: refuses a caller without the internal token and opens
/// the call's span under the caller's trace.
#[derive(Debug, Clone)]
pub struct PeerAuthLayer {
    expected: Arc<SecretString>,
    service: &'static str,
}

impl PeerAuthLayer {
    pub fn new(token: &SecretString, service: &'static str) -> Self {
        let expected = format!("Bearer {}", token.expose_secret());
        Self { expected: Arc::new(SecretString::from(expected)), service }
    }
}

impl<S> Layer<S> for PeerAuthLayer {
    type Service = PeerAuth<S>;

    fn layer(&self, inner: S) -> Self::Service {
        PeerAuth { inner, layer: self.clone() }
    }
}

#[derive(Debug, Clone)]
pub struct PeerAuth<S> {
    inner: S,
    layer: PeerAuthLayer,
}

impl<S, B, R> Service<http::Request<B>> for PeerAuth<S>
where
    S: Service<http::Request<B>, Response = http::Response<R>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    R: Default + Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future =
        Either<Ready<Result<S::Response, S::Error>>, BoxFuture<'static, Result<S::Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let path = request.uri().path();
        let given = request.headers().get("authorization").map_or(&b""[..], http::HeaderValue::as_bytes);
        let known: bool = self.layer.expected.expose_secret().as_bytes().ct_eq(given).into();
        // Health probes come from the platform, which holds no token.
        if !known && !path.starts_with("/grpc.health.v1.Health/") {
            tracing::warn!(
                service = self.layer.service,
                path,
                "a call without the internal token was refused"
            );
            let refused =
                tonic::Status::unauthenticated("the internal token is missing or wrong").into_http();
            return Either::Left(ready(Ok(refused)));
        }
        let traceparent = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
        let span = tracing::info_span!("grpc", service = self.layer.service, method = path);
        continue_trace(&span, traceparent);
        Either::Right(Box::pin(self.inner.call(request).instrument(span)))
    }
}
