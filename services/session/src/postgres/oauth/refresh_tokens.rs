use chrono::{DateTime, Utc};
use eventstore::StoreError;
use sqlx::{PgConnection, PgExecutor, Row};

/// A refresh token at rest.
#[derive(Debug, Clone)]
pub(crate) struct StoredRefresh {
    pub(crate) grant_id: String,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) used_at: Option<DateTime<Utc>>,
    pub(crate) answer: Option<Vec<u8>>,
}

pub(crate) async fn find(
    db: impl PgExecutor<'_>,
    hash: &[u8; 32],
) -> Result<Option<StoredRefresh>, StoreError> {
    select(db, "select grant_id, expires_at, used_at, answer from oauth_refresh_tokens where hash = $1", hash)
        .await
}

/// Held until the transaction ends: of requests side by side one rotates, the others see its result.
pub(crate) async fn hold(
    db: &mut PgConnection,
    hash: &[u8; 32],
) -> Result<Option<StoredRefresh>, StoreError> {
    let statement =
        "select grant_id, expires_at, used_at, answer from oauth_refresh_tokens where hash = $1 for update";
    select(db, statement, hash).await
}

async fn select(
    db: impl PgExecutor<'_>,
    statement: &'static str,
    hash: &[u8; 32],
) -> Result<Option<StoredRefresh>, StoreError> {
    let row = sqlx::query(statement).bind(&hash[..]).fetch_optional(db).await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(StoredRefresh {
        grant_id: row.try_get("grant_id")?,
        expires_at: row.try_get("expires_at")?,
        used_at: row.try_get("used_at")?,
        answer: row.try_get("answer")?,
    }))
}

pub(crate) async fn insert(
    db: &mut PgConnection,
    hash: &[u8; 32],
    grant_id: &str,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query("insert into oauth_refresh_tokens (hash, grant_id, expires_at) values ($1, $2, $3)")
        .bind(&hash[..])
        .bind(grant_id)
        .bind(expires_at)
        .execute(db)
        .await?;
    Ok(())
}

pub(crate) async fn mark_used(
    db: &mut PgConnection,
    hash: &[u8; 32],
    at: DateTime<Utc>,
    answer: &[u8],
) -> Result<(), StoreError> {
    sqlx::query("update oauth_refresh_tokens set used_at = $2, answer = $3 where hash = $1")
        .bind(&hash[..])
        .bind(at)
        .bind(answer)
        .execute(db)
        .await?;
    Ok(())
}
