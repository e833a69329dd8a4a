use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use eventstore::StoreError;
use eventstore::sealing::Vault;
use kernel::{Error, OsEntropy};

use crate::config::Config;
use crate::services::ServiceName;

/// How long a start waits for the database's word.
const PATIENCE: Duration = Duration::from_secs(5);

/// Makes sure that AUTH_SECRET is the one that the service's database was first used with.
///
/// # Errors
/// `WRONG_AUTH_SECRET`, or an unavailable database.
pub async fn claim(config: &Config, service: ServiceName) -> anyhow::Result<()> {
    try_claim(config, service).await?.map_err(|error| Error::from(error).into())
}

/// The same for a service that starts: a database that does not answer now, or has no tables yet, is
/// asked again before anything is sealed.
pub async fn claim_if_answered(config: &Config, service: ServiceName) -> anyhow::Result<()> {
    match tokio::time::timeout(PATIENCE, try_claim(config, service)).await {
        Ok(outcome) => match outcome? {
            Err(error @ StoreError::OtherSecret) => Err(Error::from(error).into()),
            Ok(()) | Err(_) => Ok(()),
        },
        Err(_) => Ok(()),
    }
}

async fn try_claim(config: &Config, service: ServiceName) -> anyhow::Result<Result<(), StoreError>> {
    let (schema, _) = service.schema().context("the service has a schema")?;
    let pool = runtime::pool(config.database_url()?, schema, 1)?;
    let vault = Vault::new(&config.auth_secret()?, service.as_str(), Arc::new(OsEntropy))?;
    let outcome = vault.claim(&pool).await;
    pool.close().await;
    Ok(outcome)
}
