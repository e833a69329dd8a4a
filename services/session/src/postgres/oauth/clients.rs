use chrono::{DateTime, Utc};
use eventstore::StoreError;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor, Row};

use crate::domain::oauth::client::{Client, Metadata};

pub(crate) async fn find(db: impl PgExecutor<'_>, id: &str) -> Result<Option<Client>, StoreError> {
    let row = sqlx::query("select * from oauth_clients where id = $1").bind(id).fetch_optional(db).await?;
    row.as_ref().map(client).transpose()
}

/// Newest first.
pub(crate) async fn all(db: impl PgExecutor<'_>) -> Result<Vec<Client>, StoreError> {
    let rows = sqlx::query("select * from oauth_clients order by created_at desc, id").fetch_all(db).await?;
    rows.iter().map(client).collect()
}

pub(crate) async fn insert(db: &mut PgConnection, client: &Client) -> Result<(), StoreError> {
    sqlx::query(
        "insert into oauth_clients (id, metadata, secret_hash, created_at, updated_at) values ($1, $2, $3, $4, $4)",
    )
    .bind(&client.id)
    .bind(sqlx::types::Json(&client.metadata))
    .bind(client.secret_hash.as_ref().map(|hash| &hash[..]))
    .bind(client.created_at)
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn update(db: &mut PgConnection, client: &Client) -> Result<(), StoreError> {
    sqlx::query("update oauth_clients set metadata = $2, secret_hash = $3, updated_at = $4 where id = $1")
        .bind(&client.id)
        .bind(sqlx::types::Json(&client.metadata))
        .bind(client.secret_hash.as_ref().map(|hash| &hash[..]))
        .bind(client.updated_at)
        .execute(db)
        .await?;
    Ok(())
}

/// With everything that was granted to it.
pub(crate) async fn delete(db: &mut PgConnection, id: &str) -> Result<(), StoreError> {
    sqlx::query("delete from oauth_clients where id = $1").bind(id).execute(db).await?;
    Ok(())
}

fn client(row: &PgRow) -> Result<Client, StoreError> {
    let sqlx::types::Json(metadata): sqlx::types::Json<Metadata> = row.try_get("metadata")?;
    let hash: Option<Vec<u8>> = row.try_get("secret_hash")?;
    Ok(Client {
        id: row.try_get("id")?,
        metadata,
        secret_hash: hash.and_then(|hash| hash.try_into().ok()),
        created_at: row.try_get::<DateTime<Utc>, _>("created_at")?,
        updated_at: row.try_get::<DateTime<Utc>, _>("updated_at")?,
    })
}
