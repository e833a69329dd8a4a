use std::sync::Arc;

use eventstore::Store;
use kernel::{Clock, Entropy, Error};
use secrecy::SecretString;
use sqlx::PgPool;

use crate::SCHEMA;
use crate::commands::oauth::{Made, create_client, delete_client, rotate_secret, update_client};
use crate::commands::{Actor, Books};
use crate::error;
use crate::postgres::oauth::clients;

/// The applications of the OpenID provider as an operator manages them, on the database directly:
/// running services follow.
#[derive(Debug)]
pub struct ClientRegistry(Books);

/// An application as an operator sees it.
#[derive(Debug)]
pub struct RegisteredClient {
    pub client_id: String,
    /// RFC 7591, section 2, and our own members, in JSON.
    pub metadata: serde_json::Value,
    /// Only right after it was made.
    pub secret: Option<SecretString>,
}

impl ClientRegistry {
    /// `pool`'s connections have the service's schema as their `search_path`.
    pub fn new(pool: PgPool, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self(Books { store: Store::new(pool, SCHEMA), clock, entropy })
    }

    /// # Errors
    /// `INVALID_CLIENT_METADATA`, `INVALID_REDIRECT_URI`, saying what is wrong.
    pub async fn create(&self, metadata_json: &str) -> Result<RegisteredClient, Error> {
        shown(create_client(&self.0, metadata_json, false, &Actor::system(None)).await?)
    }

    /// Members that are given replace those that are there; `null` removes one.
    ///
    /// # Errors
    /// `CLIENT_NOT_FOUND`, and those of [`Self::create`].
    pub async fn update(&self, id: &str, changes_json: &str) -> Result<RegisteredClient, Error> {
        shown(update_client(&self.0, id, changes_json, &Actor::system(None)).await?)
    }

    /// # Errors
    /// `CLIENT_NOT_FOUND`, `CLIENT_HAS_NO_SECRET`.
    pub async fn rotate_secret(&self, id: &str) -> Result<RegisteredClient, Error> {
        shown(rotate_secret(&self.0, id, &Actor::system(None)).await?)
    }

    /// What was granted to it ends with it.
    ///
    /// # Errors
    /// `CLIENT_NOT_FOUND`.
    pub async fn remove(&self, id: &str) -> Result<(), Error> {
        delete_client(&self.0, id, &Actor::system(None)).await
    }

    /// # Errors
    /// `CLIENT_NOT_FOUND`.
    pub async fn find(&self, id: &str) -> Result<RegisteredClient, Error> {
        let found = clients::find(self.0.store.pool(), id).await?;
        shown(Made { client: found.ok_or_else(error::client_not_found)?, secret: None })
    }

    /// Newest first.
    ///
    /// # Errors
    /// Unavailable when the database is away.
    pub async fn list(&self) -> Result<Vec<RegisteredClient>, Error> {
        let all = clients::all(self.0.store.pool()).await?;
        all.into_iter().map(|client| shown(Made { client, secret: None })).collect()
    }
}

fn shown(made: Made) -> Result<RegisteredClient, Error> {
    let metadata = serde_json::to_value(&made.client.metadata).map_err(|_| Error::internal())?;
    Ok(RegisteredClient { client_id: made.client.id, metadata, secret: made.secret })
}
