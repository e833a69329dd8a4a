use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::JwkSet;
use kernel::{Clock, Error};
use runtime::Outbound;
use url::Url;

use crate::domain::oauth::client::Client;

const FRESH: TimeDelta = TimeDelta::minutes(5);
/// An unknown key has the set fetched again at most this often.
const REFETCH: TimeDelta = TimeDelta::seconds(30);

/// The key sets that clients publish (`jwks_uri`), as they were fetched last.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClientKeys(Arc<Mutex<HashMap<String, Fetched>>>);

#[derive(Debug, Clone)]
struct Fetched {
    uri: String,
    at: DateTime<Utc>,
    set: Arc<JwkSet>,
}

impl ClientKeys {
    /// The keys of a client; `kid` is the one that is wanted.
    ///
    /// # Errors
    /// Unavailable when the set was never fetched and cannot be.
    pub(super) async fn of(
        &self,
        client: &Client,
        kid: Option<&str>,
        (outbound, clock): (&Outbound, &dyn Clock),
    ) -> Result<Arc<JwkSet>, Error> {
        if let Some(jwks) = &client.metadata.jwks {
            let set = serde_json::from_value(jwks.clone()).map_err(|_| Error::internal())?;
            return Ok(Arc::new(set));
        }
        let Some(uri) = &client.metadata.jwks_uri else { return Ok(Arc::new(JwkSet { keys: Vec::new() })) };
        let now = clock.now();
        let known = self.known(&client.id).filter(|known| known.uri == *uri);
        if let Some(known) = &known {
            let has = kid.is_none_or(|kid| known.set.find(kid).is_some());
            let age = now - known.at;
            if (has && age < FRESH) || age < REFETCH {
                return Ok(Arc::clone(&known.set));
            }
        }
        let fetched = match Url::parse(uri) {
            Ok(url) => outbound.get_json(&url, None).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let set = fetched.and_then(|json| serde_json::from_value(json).map_err(|error| error.to_string()));
        match (set, known) {
            (Ok(set), _) => {
                let fetched = Fetched { uri: uri.clone(), at: now, set: Arc::new(set) };
                let set = Arc::clone(&fetched.set);
                self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(client.id.clone(), fetched);
                Ok(set)
            }
            (Err(problem), Some(known)) => {
                tracing::warn!(client = client.id, problem, "using the last known keys of a client");
                Ok(known.set)
            }
            (Err(problem), None) => {
                tracing::warn!(client = client.id, problem, "the keys of a client cannot be fetched");
                Err(Error::unavailable("The client's keys cannot be fetched at the moment."))
            }
        }
    }

    fn known(&self, client: &str) -> Option<Fetched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(client).cloned()
    }
}
