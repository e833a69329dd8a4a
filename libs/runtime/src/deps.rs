use std::sync::Arc;

use kernel::{Clock, Entropy};
use sqlx::PgPool;

use crate::{Health, Peers};

/// What the binary hands to a service.
#[derive(Debug, Clone)]
pub struct Deps {
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    /// Connections to the service's own schema.
    pub pool: PgPool,
    pub nats: async_nats::Client,
    /// Prefix of every stream and subject name.
    pub namespace: String,
    pub peers: Peers,
    /// Readiness checks of this process.
    pub health: Health,
}
