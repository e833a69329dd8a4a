use chrono::{DateTime, Utc};
use eventstore::StoreError;
use kernel::{SessionId, UserId};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor, Row};

use crate::domain::oauth::request::Bound;
use crate::postgres::sessions::{signed, unsigned};

/// An authorization code (RFC 6749, section 4.1.2).
#[derive(Debug, Clone)]
pub(crate) struct StoredCode {
    pub(crate) hash: [u8; 32],
    pub(crate) grant_id: String,
    pub(crate) client_id: String,
    pub(crate) bound: Bound,
    pub(crate) user_id: UserId,
    pub(crate) session_id: SessionId,
    pub(crate) epoch: u64,
    pub(crate) auth_time: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) used_at: Option<DateTime<Utc>>,
}

pub(crate) async fn insert(db: impl PgExecutor<'_>, code: &StoredCode) -> Result<(), StoreError> {
    sqlx::query(
        "insert into oauth_codes
             (hash, grant_id, client_id, request, user_id, session_id, epoch, auth_time, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&code.hash[..])
    .bind(&code.grant_id)
    .bind(&code.client_id)
    .bind(Json(&code.bound))
    .bind(code.user_id.as_str())
    .bind(code.session_id.as_str())
    .bind(signed(code.epoch))
    .bind(code.auth_time)
    .bind(code.expires_at)
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn find(db: impl PgExecutor<'_>, hash: &[u8; 32]) -> Result<Option<StoredCode>, StoreError> {
    let row =
        sqlx::query("select * from oauth_codes where hash = $1").bind(&hash[..]).fetch_optional(db).await?;
    let Some(row) = row else { return Ok(None) };
    let Json(bound): Json<Bound> = row.try_get("request")?;
    Ok(Some(StoredCode {
        hash: *hash,
        grant_id: row.try_get("grant_id")?,
        client_id: row.try_get("client_id")?,
        bound,
        user_id: UserId::from(row.try_get::<String, _>("user_id")?),
        session_id: SessionId::from(row.try_get::<String, _>("session_id")?),
        epoch: unsigned(row.try_get("epoch")?),
        auth_time: row.try_get("auth_time")?,
        expires_at: row.try_get("expires_at")?,
        used_at: row.try_get("used_at")?,
    }))
}

pub(crate) async fn is_used(db: impl PgExecutor<'_>, hash: &[u8; 32]) -> Result<bool, StoreError> {
    let open: bool =
        sqlx::query_scalar("select exists (select 1 from oauth_codes where hash = $1 and used_at is null)")
            .bind(&hash[..])
            .fetch_one(db)
            .await?;
    Ok(!open)
}

pub(crate) async fn mark_used(
    db: &mut PgConnection,
    hash: &[u8; 32],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query("update oauth_codes set used_at = $2 where hash = $1")
        .bind(&hash[..])
        .bind(at)
        .execute(db)
        .await?;
    Ok(())
}
