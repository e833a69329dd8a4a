use chrono::{DateTime, Utc};
use eventstore::StoreError;
use kernel::{Role, UserId};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor, Row};

use crate::domain::account::Account;

const COLUMNS: &str = "id, email, name, image, role, email_verified, mail_asked_at, created_at, updated_at";

/// An account with the secret that proves it. Not `Debug`: the hash stays out of logs.
pub(crate) struct Login {
    pub(crate) account: Account,
    pub(crate) password_hash: Option<String>,
}

pub(crate) async fn find(db: impl PgExecutor<'_>, id: &UserId) -> Result<Option<Account>, StoreError> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("select {COLUMNS} from users where id = $1")))
        .bind(id.as_str())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(account).transpose()
}

pub(crate) async fn find_by_email(
    db: impl PgExecutor<'_>,
    email: &str,
) -> Result<Option<Account>, StoreError> {
    let row = sqlx::query(sqlx::AssertSqlSafe(format!("select {COLUMNS} from users where email = $1")))
        .bind(email)
        .fetch_optional(db)
        .await?;
    row.as_ref().map(account).transpose()
}

pub(crate) async fn find_login(db: impl PgExecutor<'_>, email: &str) -> Result<Option<Login>, StoreError> {
    let row = sqlx::query(
        "select u.id, u.email, u.name, u.image, u.role, u.email_verified, u.mail_asked_at, u.created_at,
                u.updated_at, c.password_hash
         from users u left join credentials c on c.user_id = u.id where u.email = $1",
    )
    .bind(email)
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Login { account: account(&row)?, password_hash: row.try_get("password_hash")? }))
}

/// # Errors
/// A violation of `users_email` when the address is taken.
pub(crate) async fn insert(
    db: &mut PgConnection,
    account: &Account,
    password_hash: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into users (id, email, name, image, role, email_verified, mail_asked_at, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(account.id.as_str())
    .bind(&account.email)
    .bind(&account.name)
    .bind(&account.image)
    .bind(account.role.as_str())
    .bind(account.email_verified)
    .bind(account.mail_asked_at)
    .bind(account.created_at)
    .bind(account.updated_at)
    .execute(&mut *db)
    .await?;
    sqlx::query("insert into credentials (user_id, password_hash, changed_at) values ($1, $2, $3)")
        .bind(account.id.as_str())
        .bind(password_hash)
        .bind(account.created_at)
        .execute(db)
        .await?;
    Ok(())
}

pub(crate) async fn mail_asked(
    db: &mut PgConnection,
    id: &UserId,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query("update users set mail_asked_at = $2 where id = $1")
        .bind(id.as_str())
        .bind(at)
        .execute(db)
        .await?;
    Ok(())
}

pub(crate) async fn email_verified(
    db: &mut PgConnection,
    id: &UserId,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query("update users set email_verified = true, updated_at = $2 where id = $1")
        .bind(id.as_str())
        .bind(at)
        .execute(db)
        .await?;
    Ok(())
}

fn account(row: &PgRow) -> Result<Account, StoreError> {
    let role: &str = row.try_get("role")?;
    Ok(Account {
        id: UserId::from(row.try_get::<String, _>("id")?),
        email: row.try_get("email")?,
        name: row.try_get("name")?,
        image: row.try_get("image")?,
        role: role.parse::<Role>().map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        email_verified: row.try_get("email_verified")?,
        mail_asked_at: row.try_get("mail_asked_at")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
