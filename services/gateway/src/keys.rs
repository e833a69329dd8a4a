use api::session::GetJwksRequest;
use api::session::sessions_client::SessionsClient;
use async_trait::async_trait;
use auth::{JwksError, JwksSource};
use jsonwebtoken::jwk::JwkSet;
use runtime::PeerChannel;

/// The session service as the source of signing keys.
#[derive(Debug)]
pub struct SessionKeys(SessionsClient<PeerChannel>);

impl SessionKeys {
    pub fn new(channel: PeerChannel) -> Self {
        Self(SessionsClient::new(channel))
    }
}

#[async_trait]
impl JwksSource for SessionKeys {
    async fn fetch(&self) -> Result<JwkSet, JwksError> {
        metrics::counter!("gateway_key_set_fetches_total").increment(1);
        let answer = self.0.clone().get_jwks(GetJwksRequest {}).await.map_err(|_| JwksError::Unavailable)?;
        serde_json::from_str(&answer.into_inner().jwks_json).map_err(|error| {
            tracing::error!(%error, "the session service answered no JWKS");
            JwksError::Unavailable
        })
    }
}
