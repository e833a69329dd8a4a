//! What is good once: ids of assertions and proofs, and requests pushed beforehand.

use chrono::{DateTime, Utc};
use eventstore::StoreError;
use sha2::{Digest, Sha256};
use sqlx::types::Json;
use sqlx::{PgExecutor, Row};

/// Whether the id is used for the first time. `owner` is the client or the key.
pub(crate) async fn claim(
    db: impl PgExecutor<'_>,
    (purpose, owner, id): (&str, &str, &str),
    until: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let mut hasher = Sha256::new();
    for part in [purpose, owner, id] {
        hasher.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let hash: [u8; 32] = hasher.finalize().into();
    let inserted =
        sqlx::query("insert into oauth_used_ids (hash, expires_at) values ($1, $2) on conflict do nothing")
            .bind(&hash[..])
            .bind(until)
            .execute(db)
            .await?;
    Ok(inserted.rows_affected() == 1)
}

pub(crate) async fn push(
    db: impl PgExecutor<'_>,
    hash: &[u8; 32],
    client_id: &str,
    parameters: &[(String, String)],
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into oauth_pushed_requests (hash, client_id, parameters, expires_at) values ($1, $2, $3, $4)",
    )
    .bind(&hash[..])
    .bind(client_id)
    .bind(Json(parameters))
    .bind(expires_at)
    .execute(db)
    .await?;
    Ok(())
}

/// The client and the parameters of a request that was pushed.
pub(crate) async fn pushed(
    db: impl PgExecutor<'_>,
    hash: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<Option<(String, Vec<(String, String)>)>, StoreError> {
    let row = sqlx::query(
        "select client_id, parameters from oauth_pushed_requests where hash = $1 and expires_at > $2",
    )
    .bind(&hash[..])
    .bind(now)
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let Json(parameters): Json<Vec<(String, String)>> = row.try_get("parameters")?;
    Ok(Some((row.try_get("client_id")?, parameters)))
}

/// Whether it was there: of requests side by side one takes it.
pub(crate) async fn take_pushed(db: impl PgExecutor<'_>, hash: &[u8; 32]) -> Result<bool, StoreError> {
    let taken =
        sqlx::query("delete from oauth_pushed_requests where hash = $1").bind(&hash[..]).execute(db).await?;
    Ok(taken.rows_affected() == 1)
}
