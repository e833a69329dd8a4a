use chrono::{DateTime, Utc};
use eventstore::StoreError;
use sqlx::{PgConnection, PgExecutor, Row};

use crate::keys::ALGORITHM;

/// A key at rest.
pub(crate) struct StoredKey {
    pub(crate) kid: String,
    pub(crate) sealed: Vec<u8>,
    pub(crate) public_jwk: serde_json::Value,
}

/// Newest first.
pub(crate) async fn all(db: impl PgExecutor<'_>) -> Result<Vec<StoredKey>, StoreError> {
    let rows = sqlx::query("select kid, sealed, public_jwk from signing_keys order by created_at desc, kid")
        .fetch_all(db)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(StoredKey {
                kid: row.try_get("kid")?,
                sealed: row.try_get("sealed")?,
                public_jwk: row.try_get("public_jwk")?,
            })
        })
        .collect()
}

pub(crate) async fn insert(
    db: &mut PgConnection,
    key: &StoredKey,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into signing_keys (kid, algorithm, sealed, public_jwk, created_at) values ($1, $2, $3, $4, $5)",
    )
    .bind(&key.kid)
    .bind(ALGORITHM)
    .bind(&key.sealed)
    .bind(&key.public_jwk)
    .bind(at)
    .execute(db)
    .await?;
    Ok(())
}
