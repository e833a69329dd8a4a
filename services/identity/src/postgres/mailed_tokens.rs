use chrono::{DateTime, Utc};
use eventstore::StoreError;
use kernel::UserId;
use sqlx::{PgConnection, PgExecutor};

use crate::secrets::MailedPurpose;

/// Issues a token; the one before, for the same purpose, is good no more.
pub(crate) async fn put(
    db: &mut PgConnection,
    user: &UserId,
    purpose: MailedPurpose,
    hash: &[u8; 32],
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into mailed_tokens (user_id, purpose, token_hash, expires_at) values ($1, $2, $3, $4)
         on conflict (user_id, purpose) do update
           set token_hash = excluded.token_hash, expires_at = excluded.expires_at",
    )
    .bind(user.as_str())
    .bind(purpose.as_str())
    .bind(&hash[..])
    .bind(expires_at)
    .execute(db)
    .await?;
    Ok(())
}

/// When the user's token for a purpose was issued; none when it was used or there never was one.
pub(crate) async fn issued_at(
    db: impl PgExecutor<'_>,
    user: &UserId,
    purpose: MailedPurpose,
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let expires_at: Option<DateTime<Utc>> =
        sqlx::query_scalar("select expires_at from mailed_tokens where user_id = $1 and purpose = $2")
            .bind(user.as_str())
            .bind(purpose.as_str())
            .fetch_optional(db)
            .await?;
    Ok(expires_at.map(|at| at - purpose.lifetime()))
}

/// Whose live token it is.
pub(crate) async fn find(
    db: impl PgExecutor<'_>,
    purpose: MailedPurpose,
    hash: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<Option<UserId>, StoreError> {
    let user: Option<String> = sqlx::query_scalar(
        "select user_id from mailed_tokens where token_hash = $1 and purpose = $2 and expires_at > $3",
    )
    .bind(&hash[..])
    .bind(purpose.as_str())
    .bind(now)
    .fetch_optional(db)
    .await?;
    Ok(user.map(UserId::from))
}

/// Uses up every token that was mailed to the user.
pub(crate) async fn delete_all(db: &mut PgConnection, user: &UserId) -> Result<(), StoreError> {
    sqlx::query("delete from mailed_tokens where user_id = $1").bind(user.as_str()).execute(db).await?;
    Ok(())
}
