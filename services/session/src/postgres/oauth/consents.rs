use chrono::{DateTime, Utc};
use eventstore::StoreError;
use kernel::UserId;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor, Row};

/// What a person has agreed to give an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Consent {
    pub(crate) id: String,
    pub(crate) user_id: UserId,
    pub(crate) client_id: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

pub(crate) async fn find(
    db: impl PgExecutor<'_>,
    user: &UserId,
    client: &str,
) -> Result<Option<Consent>, StoreError> {
    let row = sqlx::query("select * from oauth_consents where user_id = $1 and client_id = $2")
        .bind(user.as_str())
        .bind(client)
        .fetch_optional(db)
        .await?;
    row.as_ref().map(consent).transpose()
}

/// Of one person, newest first, each with the name of its application.
pub(crate) async fn of(db: impl PgExecutor<'_>, user: &UserId) -> Result<Vec<(Consent, String)>, StoreError> {
    let rows = sqlx::query(
        "select c.*, a.metadata ->> 'client_name' as client_name
         from oauth_consents c join oauth_clients a on a.id = c.client_id
         where c.user_id = $1 order by c.updated_at desc, c.id",
    )
    .bind(user.as_str())
    .fetch_all(db)
    .await?;
    rows.iter().map(|row| Ok((consent(row)?, row.try_get("client_name")?))).collect()
}

/// In place of what was agreed to before.
pub(crate) async fn put(db: &mut PgConnection, consent: &Consent) -> Result<(), StoreError> {
    sqlx::query(
        "insert into oauth_consents (id, user_id, client_id, scopes, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (user_id, client_id) do update set scopes = $4, updated_at = $6",
    )
    .bind(&consent.id)
    .bind(consent.user_id.as_str())
    .bind(&consent.client_id)
    .bind(&consent.scopes)
    .bind(consent.created_at)
    .bind(consent.updated_at)
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn delete(db: &mut PgConnection, id: &str) -> Result<(), StoreError> {
    sqlx::query("delete from oauth_consents where id = $1").bind(id).execute(db).await?;
    Ok(())
}

fn consent(row: &PgRow) -> Result<Consent, StoreError> {
    Ok(Consent {
        id: row.try_get("id")?,
        user_id: UserId::from(row.try_get::<String, _>("user_id")?),
        client_id: row.try_get("client_id")?,
        scopes: row.try_get("scopes")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
