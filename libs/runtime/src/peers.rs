use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::current_traceparent;

/// A channel that carries the internal token and the current trace to a peer.
pub type PeerChannel = InterceptedService<Channel, PeerInterceptor>;

/// Until the answer begins; a stream may then go on for as long as it likes.
const DEADLINE: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Where the other services answer.
#[derive(Debug, Clone)]
pub struct Peers {
    channels: Arc<BTreeMap<String, Channel>>,
    interceptor: PeerInterceptor,
}

/// A peer's address or the internal token cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PeersError {
    #[error("the address of {service} is no URL: {source}")]
    Address { service: String, source: tonic::transport::Error },
    #[error("INTERNAL_TOKEN must be printable ASCII")]
    Token,
}

impl Peers {
    /// Channels connect when first used and again by themselves after a failure.
    ///
    /// # Errors
    /// [`PeersError`] for an address or token that cannot be used.
    pub fn new(addresses: &BTreeMap<String, String>, token: &SecretString) -> Result<Self, PeersError> {
        let mut channels = BTreeMap::new();
        for (service, address) in addresses {
            let endpoint = Endpoint::from_shared(address.clone())
                .map_err(|source| PeersError::Address { service: service.clone(), source })?
                .connect_timeout(CONNECT_TIMEOUT)
                .tcp_nodelay(true)
                .http2_keep_alive_interval(Duration::from_secs(10))
                .keep_alive_timeout(Duration::from_secs(5));
            channels.insert(service.clone(), endpoint.connect_lazy());
        }
        Self::from_channels(channels, token)
    }

    /// # Errors
    /// [`PeersError::Token`] when the token does not fit a header.
    pub fn from_channels(
        channels: BTreeMap<String, Channel>,
        token: &SecretString,
    ) -> Result<Self, PeersError> {
        let mut authorization: MetadataValue<Ascii> =
            format!("Bearer {}", token.expose_secret()).parse().map_err(|_| PeersError::Token)?;
        authorization.set_sensitive(true);
        Ok(Self { channels: Arc::new(channels), interceptor: PeerInterceptor { authorization } })
    }

    /// The channel to a service. Asking for a service that has no address is a wiring defect of
    /// the process; the channel then fails every call as unavailable.
    pub fn channel(&self, service: &str) -> PeerChannel {
        let channel = self.channels.get(service).cloned().unwrap_or_else(|| {
            tracing::error!(service, "no address is configured for this peer");
            // Port 0 refuses every connection.
            Endpoint::from_static("http://127.0.0.1:0").connect_lazy()
        });
        InterceptedService::new(channel, self.interceptor.clone())
    }
}

/// Adds `authorization`, `traceparent` and, where the caller set none, a deadline of five seconds.
#[derive(Debug, Clone)]
pub struct PeerInterceptor {
    authorization: MetadataValue<Ascii>,
}

impl Interceptor for PeerInterceptor {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let trace =
            current_traceparent().and_then(|trace| trace.as_str().parse::<MetadataValue<Ascii>>().ok());
        let metadata = request.metadata_mut();
        metadata.insert("authorization", self.authorization.clone());
        let bounded = metadata.contains_key("grpc-timeout");
        if let Some(trace) = trace {
            metadata.insert("traceparent", trace);
        }
        if !bounded {
            request.set_timeout(DEADLINE);
        }
        Ok(request)
    }
}
