use chrono::{DateTime, Utc};
use eventstore::StoreError;
use kernel::UserId;
use sqlx::{PgConnection, PgExecutor, Row};

/// The secret that proves an account. Not `Debug`: the hash stays out of logs.
#[derive(Clone)]
pub(crate) struct Credential {
    pub(crate) id: String,
    /// PHC string, bcrypt, or Better-Auth's scrypt.
    pub(crate) hash: String,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) changed_at: DateTime<Utc>,
}

pub(crate) async fn find(db: impl PgExecutor<'_>, user: &UserId) -> Result<Option<Credential>, StoreError> {
    let row =
        sqlx::query("select id, password_hash, created_at, changed_at from credentials where user_id = $1")
            .bind(user.as_str())
            .fetch_optional(db)
            .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Credential {
        id: row.try_get("id")?,
        hash: row.try_get("password_hash")?,
        created_at: row.try_get("created_at")?,
        changed_at: row.try_get("changed_at")?,
    }))
}

/// Sets the password, the user's first one or another.
pub(crate) async fn put(
    db: &mut PgConnection,
    user: &UserId,
    credential: &Credential,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into credentials (user_id, id, password_hash, created_at, changed_at)
         values ($1, $2, $3, $4, $5)
         on conflict (user_id) do update
           set password_hash = excluded.password_hash, changed_at = excluded.changed_at",
    )
    .bind(user.as_str())
    .bind(&credential.id)
    .bind(&credential.hash)
    .bind(credential.created_at)
    .bind(credential.changed_at)
    .execute(db)
    .await?;
    Ok(())
}

/// Replaces the hash by a stronger one of the same password, unless it changed meanwhile.
pub(crate) async fn upgrade(
    db: &mut PgConnection,
    user: &UserId,
    old: &str,
    new: &str,
) -> Result<bool, StoreError> {
    let updated =
        sqlx::query("update credentials set password_hash = $3 where user_id = $1 and password_hash = $2")
            .bind(user.as_str())
            .bind(old)
            .bind(new)
            .execute(db)
            .await?;
    Ok(updated.rows_affected() > 0)
}

pub(crate) async fn delete(db: &mut PgConnection, user: &UserId) -> Result<(), StoreError> {
    sqlx::query("delete from credentials where user_id = $1").bind(user.as_str()).execute(db).await?;
    Ok(())
}
