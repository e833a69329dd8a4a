use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;

use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use runtime::{Outbound, OutboundError};

/// Asks providers, and nobody else.
#[derive(Debug, Clone)]
pub(crate) struct Http(pub(crate) Outbound);

impl Deref for Http {
    type Target = Outbound;

    fn deref(&self) -> &Outbound {
        &self.0
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = OutboundError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, OutboundError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.0.send(request))
    }
}
