use chrono::{DateTime, Utc};
use eventstore::StoreError;
use sqlx::{PgConnection, PgExecutor, Row};

use crate::domain::key::Term;
use crate::keys::ALGORITHM;

/// A key at rest.
pub(crate) struct StoredKey {
    pub(crate) kid: String,
    pub(crate) sealed: Vec<u8>,
    pub(crate) public_jwk: serde_json::Value,
    pub(crate) term: Term,
}

/// Youngest first.
pub(crate) async fn all(db: impl PgExecutor<'_>) -> Result<Vec<StoredKey>, StoreError> {
    let rows = sqlx::query(
        "select kid, sealed, public_jwk, created_at, signs_from, verifies_until from signing_keys
         order by generation desc",
    )
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(StoredKey {
                kid: row.try_get("kid")?,
                sealed: row.try_get("sealed")?,
                public_jwk: row.try_get("public_jwk")?,
                term: Term {
                    created_at: row.try_get("created_at")?,
                    signs_from: row.try_get("signs_from")?,
                    verifies_until: row.try_get("verifies_until")?,
                },
            })
        })
        .collect()
}

/// The id of the key that signs at this time.
pub(crate) async fn signer(
    db: impl PgExecutor<'_>,
    now: DateTime<Utc>,
) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "select kid from signing_keys
         where signs_from <= $1 and (verifies_until is null or verifies_until > $1)
         order by generation desc limit 1",
    )
    .bind(now)
    .fetch_optional(db)
    .await?)
}

pub(crate) async fn insert(db: &mut PgConnection, key: &StoredKey) -> Result<(), StoreError> {
    sqlx::query(
        "insert into signing_keys (kid, algorithm, sealed, public_jwk, created_at, signs_from)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&key.kid)
    .bind(ALGORITHM)
    .bind(&key.sealed)
    .bind(&key.public_jwk)
    .bind(key.term.created_at)
    .bind(key.term.signs_from)
    .execute(db)
    .await?;
    Ok(())
}

/// The present keys have a successor; none of them verifies for longer than before.
pub(crate) async fn succeed(db: &mut PgConnection, verify_until: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query("update signing_keys set verifies_until = least(verifies_until, $1)")
        .bind(verify_until)
        .execute(db)
        .await?;
    Ok(())
}

pub(crate) async fn delete(db: &mut PgConnection, kid: &str) -> Result<(), StoreError> {
    sqlx::query("delete from signing_keys where kid = $1").bind(kid).execute(db).await?;
    Ok(())
}
