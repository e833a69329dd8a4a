use chrono::{DateTime, Utc};
use eventstore::StoreError;
use kernel::{SessionId, UserId};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor, Row};

use crate::postgres::sessions::{signed, unsigned};

/// A device that waits for a person (RFC 8628).
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) hash: Vec<u8>,
    pub(crate) client_id: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) expires_at: DateTime<Utc>,
    /// Seconds.
    pub(crate) pause: i32,
    pub(crate) polled_at: Option<DateTime<Utc>>,
    pub(crate) state: String,
    pub(crate) grant_id: String,
    pub(crate) approval: Option<Approval>,
}

#[derive(Debug, Clone)]
pub(crate) struct Approval {
    pub(crate) user_id: UserId,
    pub(crate) session_id: SessionId,
    pub(crate) epoch: u64,
    pub(crate) auth_time: DateTime<Utc>,
}

pub(crate) async fn insert(
    db: impl PgExecutor<'_>,
    device: &Device,
    user_hash: &[u8; 32],
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into oauth_devices (hash, user_hash, client_id, scopes, resources, expires_at, pause, state, grant_id)
         values ($1, $2, $3, $4, $5, $6, $7, 'pending', $8)",
    )
    .bind(&device.hash)
    .bind(&user_hash[..])
    .bind(&device.client_id)
    .bind(&device.scopes)
    .bind(&device.resources)
    .bind(device.expires_at)
    .bind(device.pause)
    .bind(&device.grant_id)
    .execute(db)
    .await?;
    Ok(())
}

/// By the hash of the device's code.
pub(crate) async fn find(db: impl PgExecutor<'_>, hash: &[u8; 32]) -> Result<Option<Device>, StoreError> {
    let row =
        sqlx::query("select * from oauth_devices where hash = $1").bind(&hash[..]).fetch_optional(db).await?;
    row.as_ref().map(device).transpose()
}

/// One that waits, by the hash of the person's code.
pub(crate) async fn pending(
    db: impl PgExecutor<'_>,
    user_hash: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<Option<Device>, StoreError> {
    let row = sqlx::query(
        "select * from oauth_devices where user_hash = $1 and state = 'pending' and expires_at > $2",
    )
    .bind(&user_hash[..])
    .bind(now)
    .fetch_optional(db)
    .await?;
    row.as_ref().map(device).transpose()
}

/// Notes the answer, unless one was noted before.
pub(crate) async fn decide(
    db: impl PgExecutor<'_>,
    user_hash: &[u8; 32],
    approval: Option<&Approval>,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let state = if approval.is_some() { "approved" } else { "denied" };
    let done = sqlx::query(
        "update oauth_devices set state = $2, user_id = $3, session_id = $4, epoch = $5, auth_time = $6
         where user_hash = $1 and state = 'pending' and expires_at > $7",
    )
    .bind(&user_hash[..])
    .bind(state)
    .bind(approval.map(|approval| approval.user_id.as_str()))
    .bind(approval.map(|approval| approval.session_id.as_str()))
    .bind(approval.map(|approval| signed(approval.epoch)))
    .bind(approval.map(|approval| approval.auth_time))
    .bind(now)
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that the device has asked, and how long it has to wait from now on.
pub(crate) async fn polled(
    db: impl PgExecutor<'_>,
    hash: &[u8],
    pause: i32,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query("update oauth_devices set polled_at = $3, pause = $2 where hash = $1")
        .bind(hash)
        .bind(pause)
        .bind(now)
        .execute(db)
        .await?;
    Ok(())
}

pub(crate) async fn is_approved(db: impl PgExecutor<'_>, hash: &[u8]) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar(
        "select exists (select 1 from oauth_devices where hash = $1 and state = 'approved')",
    )
    .bind(hash)
    .fetch_one(db)
    .await?)
}

pub(crate) async fn mark_used(db: &mut PgConnection, hash: &[u8]) -> Result<(), StoreError> {
    sqlx::query("update oauth_devices set state = 'used' where hash = $1").bind(hash).execute(db).await?;
    Ok(())
}

fn device(row: &PgRow) -> Result<Device, StoreError> {
    let user: Option<String> = row.try_get("user_id")?;
    let session: Option<String> = row.try_get("session_id")?;
    let approval = match (user, session) {
        (Some(user), Some(session)) => Some(Approval {
            user_id: UserId::from(user),
            session_id: SessionId::from(session),
            epoch: unsigned(row.try_get("epoch")?),
            auth_time: row.try_get("auth_time")?,
        }),
        _ => None,
    };
    Ok(Device {
        hash: row.try_get("hash")?,
        client_id: row.try_get("client_id")?,
        scopes: row.try_get("scopes")?,
        resources: row.try_get("resources")?,
        expires_at: row.try_get("expires_at")?,
        pause: row.try_get("pause")?,
        polled_at: row.try_get("polled_at")?,
        state: row.try_get("state")?,
        grant_id: row.try_get("grant_id")?,
        approval,
    })
}
