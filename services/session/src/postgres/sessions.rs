use chrono::{DateTime, Utc};
use eventstore::StoreError;
use kernel::{SessionId, UserId};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor, Row};

use crate::domain::session::{Origin, Session};

pub(crate) async fn find(db: impl PgExecutor<'_>, id: &SessionId) -> Result<Option<Session>, StoreError> {
    let row = sqlx::query(
        "select id, user_id, expires_at, created_at, updated_at, ip, user_agent, remember, revoked_at
         from sessions where id = $1",
    )
    .bind(id.as_str())
    .fetch_optional(db)
    .await?;
    row.as_ref().map(session).transpose()
}

pub(crate) async fn find_by_token_hash(
    db: impl PgExecutor<'_>,
    hash: &[u8; 32],
) -> Result<Option<Session>, StoreError> {
    let row = sqlx::query(
        "select id, user_id, expires_at, created_at, updated_at, ip, user_agent, remember, revoked_at
         from sessions where token_hash = $1",
    )
    .bind(&hash[..])
    .fetch_optional(db)
    .await?;
    row.as_ref().map(session).transpose()
}

pub(crate) async fn insert(
    db: &mut PgConnection,
    session: &Session,
    hash: &[u8; 32],
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into sessions
             (id, token_hash, user_id, expires_at, created_at, updated_at, ip, user_agent, remember)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(session.id.as_str())
    .bind(&hash[..])
    .bind(session.user_id.as_str())
    .bind(session.expires_at)
    .bind(session.created_at)
    .bind(session.updated_at)
    .bind(&session.origin.ip)
    .bind(&session.origin.user_agent)
    .bind(session.remember)
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn prolong(db: &mut PgConnection, session: &Session) -> Result<(), StoreError> {
    sqlx::query("update sessions set expires_at = $2, updated_at = $3 where id = $1")
        .bind(session.id.as_str())
        .bind(session.expires_at)
        .bind(session.updated_at)
        .execute(db)
        .await?;
    Ok(())
}

pub(crate) async fn revoke(
    db: &mut PgConnection,
    id: &SessionId,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query("update sessions set revoked_at = $2, updated_at = $2 where id = $1")
        .bind(id.as_str())
        .bind(at)
        .execute(db)
        .await?;
    Ok(())
}

fn session(row: &PgRow) -> Result<Session, StoreError> {
    Ok(Session {
        id: SessionId::from(row.try_get::<String, _>("id")?),
        user_id: UserId::from(row.try_get::<String, _>("user_id")?),
        expires_at: row.try_get("expires_at")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        origin: Origin { ip: row.try_get("ip")?, user_agent: row.try_get("user_agent")? },
        remember: row.try_get("remember")?,
        revoked_at: row.try_get("revoked_at")?,
    })
}
