use api::common::Personal;
use chrono::{DateTime, Utc};
use eventstore::StoreError;
use eventstore::sealing::{SubjectKey, Vault};
use kernel::{Role, UserId};
use prost::Message;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, PgExecutor, Row};

use crate::domain::account::{Account, Ban};

/// An account with the key that seals what is known of its person.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) account: Account,
    pub(crate) key: SubjectKey,
}

const SELECT: &str = "select u.id, u.personal, u.role, u.email_verified, u.banned, u.ban_expires, \
     u.session_epoch, u.spared_session_id, u.pending_epoch, u.agreed_epoch, u.device_epoch, u.email_changed_at, u.mail_asked_at, u.reset_asked_at, u.change_asked_at, u.created_at, u.updated_at, \
     k.wrapped from users u join subject_keys k on k.subject = u.id";

pub(crate) async fn find(
    db: impl PgExecutor<'_>,
    vault: &Vault,
    id: &UserId,
) -> Result<Option<Person>, StoreError> {
    let row = sqlx::query(AssertSqlSafe(format!("{SELECT} where u.id = $1")))
        .bind(id.as_str())
        .fetch_optional(db)
        .await?;
    row.map(|row| person(vault, &row)).transpose()
}

/// By the keyed hash of the address.
pub(crate) async fn find_by_address(
    db: impl PgExecutor<'_>,
    vault: &Vault,
    email_key: &str,
) -> Result<Option<Person>, StoreError> {
    let row = sqlx::query(AssertSqlSafe(format!("{SELECT} where u.email_key = $1")))
        .bind(email_key)
        .fetch_optional(db)
        .await?;
    row.map(|row| person(vault, &row)).transpose()
}

/// Everyone, opened. One whose seal does not open is listed without what it hides: an administrator
/// can remove it.
pub(crate) async fn all(db: impl PgExecutor<'_>, vault: &Vault) -> Result<Vec<Account>, StoreError> {
    let rows = sqlx::query(AssertSqlSafe(SELECT.to_owned())).fetch_all(db).await?;
    rows.iter()
        .map(|row| match opened(vault, row) {
            Ok((personal, _)) => account(row, personal),
            Err(error) => {
                tracing::error!(%error, "an account cannot be read");
                account(row, Personal::default())
            }
        })
        .collect()
}

/// What stands in clear of an account.
#[derive(Debug)]
pub(crate) struct Stub {
    pub(crate) email_key: String,
    pub(crate) session_epoch: u64,
    pub(crate) admin: bool,
}

pub(crate) async fn stub(db: impl PgExecutor<'_>, id: &UserId) -> Result<Option<Stub>, StoreError> {
    let row = sqlx::query("select email_key, session_epoch, role from users where id = $1")
        .bind(id.as_str())
        .fetch_optional(db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Stub {
        email_key: row.try_get("email_key")?,
        session_epoch: unsigned(row.try_get("session_epoch")?),
        admin: row.try_get::<&str, _>("role")? == Role::Admin.as_str(),
    }))
}

/// # Errors
/// A violation of `users_email` when the address is taken.
pub(crate) async fn insert(
    db: &mut PgConnection,
    Person { account, key }: &Person,
    email_key: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into users
           (id, email_key, personal, role, email_verified, mail_asked_at, session_epoch, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(account.id.as_str())
    .bind(email_key)
    .bind(seal(account, key)?)
    .bind(account.role.as_str())
    .bind(account.email_verified)
    .bind(account.mail_asked_at)
    .bind(number(account.session_epoch))
    .bind(account.created_at)
    .bind(account.updated_at)
    .execute(db)
    .await?;
    Ok(())
}

/// Writes everything that can change.
///
/// # Errors
/// A violation of `users_email` when the address is taken.
pub(crate) async fn save(
    db: &mut PgConnection,
    Person { account, key }: &Person,
    email_key: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "update users set email_key = $2, personal = $3, role = $4, email_verified = $5, banned = $6,
           ban_expires = $7, spared_session_id = $9, mail_asked_at = $10, reset_asked_at = $11,
           change_asked_at = $12, updated_at = $13,
           epoch_changed_at = case when session_epoch = $8 then epoch_changed_at else $14 end,
           session_epoch = $8, pending_epoch = $15, email_changed_at = $16, agreed_epoch = $17,
           device_epoch = $18
         where id = $1",
    )
    .bind(account.id.as_str())
    .bind(email_key)
    .bind(seal(account, key)?)
    .bind(account.role.as_str())
    .bind(account.email_verified)
    .bind(account.ban.is_some())
    .bind(account.ban.as_ref().and_then(|ban| ban.expires))
    .bind(number(account.session_epoch))
    .bind(&account.spared_session)
    .bind(account.mail_asked_at)
    .bind(account.reset_asked_at)
    .bind(account.change_asked_at)
    .bind(account.updated_at)
    .bind(now)
    .bind(number(account.pending_epoch))
    .bind(account.email_changed_at)
    .bind(account.agreed_epoch.map(number))
    .bind(number(account.device_epoch))
    .execute(db)
    .await?;
    Ok(())
}

/// Removes all that is kept of the user, and the key that would open what cannot be removed.
pub(crate) async fn erase(
    db: &mut PgConnection,
    id: &UserId,
    session_epoch: u64,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query("delete from users where id = $1").bind(id.as_str()).execute(&mut *db).await?;
    sqlx::query("insert into erased_users (user_id, session_epoch, erased_at) values ($1, $2, $3)")
        .bind(id.as_str())
        .bind(number(session_epoch))
        .bind(now)
        .execute(&mut *db)
        .await?;
    Vault::destroy(db, id.as_str()).await?;
    Ok(())
}

/// Administrators who can sign in now, but for one. Call it behind [`lock_admins`].
pub(crate) async fn other_admins(
    db: &mut PgConnection,
    but: &UserId,
    now: DateTime<Utc>,
) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(
        "select count(*) from users
         where role = 'admin' and id <> $1 and (not banned or ban_expires <= $2)",
    );
    Ok(count.bind(but.as_str()).bind(now).fetch_one(db).await?)
}

/// Held to the end of the transaction: whoever takes an administrator away waits for the others.
pub(crate) async fn lock_admins(db: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('identity admins', 0))").execute(db).await?;
    Ok(())
}

/// Whose sessions were ended at or after a time: user, epoch, spared session, whether erased.
pub(crate) async fn epochs_since(
    db: impl PgExecutor<'_>,
    since: DateTime<Utc>,
) -> Result<Vec<(String, u64, String, bool)>, StoreError> {
    let rows = sqlx::query(
        "select id, session_epoch, coalesce(spared_session_id, '') as spared, false as erased
           from users where epoch_changed_at >= $1
         union all select user_id, session_epoch, '', true from erased_users where erased_at >= $1",
    )
    .bind(since)
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            let epoch = unsigned(row.try_get("session_epoch")?);
            Ok((row.try_get("id")?, epoch, row.try_get("spared")?, row.try_get("erased")?))
        })
        .collect()
}

fn place(id: &str) -> String {
    format!("users/{id}")
}

fn seal(account: &Account, key: &SubjectKey) -> Result<Vec<u8>, StoreError> {
    let personal = Personal {
        email: account.email.clone(),
        name: account.name.clone(),
        image: account.image.clone().unwrap_or_default(),
        ban_reason: account.ban.as_ref().map(|ban| ban.reason.clone()).unwrap_or_default(),
        ..Personal::default()
    };
    key.seal(&place(account.id.as_str()), &personal.encode_to_vec())
        .map_err(|error| StoreError::Malformed(error.to_string()))
}

/// The row of [`SELECT`], opened.
fn person(vault: &Vault, row: &PgRow) -> Result<Person, StoreError> {
    let (personal, key) = opened(vault, row)?;
    Ok(Person { account: account(row, personal)?, key })
}

/// What the row of [`SELECT`] hides, and the key to it.
fn opened(vault: &Vault, row: &PgRow) -> Result<(Personal, SubjectKey), StoreError> {
    let id: &str = row.try_get("id")?;
    let key = vault.unwrap(id, row.try_get("wrapped")?)?;
    let opened =
        key.open(&place(id), row.try_get("personal")?).map_err(|error| corrupt(id, error.to_string()))?;
    let personal = Personal::decode(opened.as_slice()).map_err(|error| corrupt(id, error.to_string()))?;
    Ok((personal, key))
}

fn corrupt(id: &str, detail: String) -> StoreError {
    StoreError::Corrupt { stream: format!("users/{id}"), version: 0, detail }
}

fn account(row: &PgRow, personal: Personal) -> Result<Account, StoreError> {
    let id: String = row.try_get("id")?;
    let role: &str = row.try_get("role")?;
    let banned: bool = row.try_get("banned")?;
    let ban_expires = row.try_get("ban_expires")?;
    Ok(Account {
        role: role.parse::<Role>().map_err(|error| corrupt(&id, error.to_string()))?,
        email: personal.email,
        name: personal.name,
        image: Some(personal.image).filter(|image| !image.is_empty()),
        email_verified: row.try_get("email_verified")?,
        ban: banned.then_some(Ban { reason: personal.ban_reason, expires: ban_expires }),
        session_epoch: unsigned(row.try_get("session_epoch")?),
        spared_session: row.try_get("spared_session_id")?,
        pending_epoch: unsigned(row.try_get("pending_epoch")?),
        agreed_epoch: row.try_get::<Option<i64>, _>("agreed_epoch")?.map(unsigned),
        device_epoch: unsigned(row.try_get("device_epoch")?),
        email_changed_at: row.try_get("email_changed_at")?,
        mail_asked_at: row.try_get("mail_asked_at")?,
        reset_asked_at: row.try_get("reset_asked_at")?,
        change_asked_at: row.try_get("change_asked_at")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        id: UserId::from(id),
    })
}

/// Postgres has no unsigned integers; the column is checked to be positive.
fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
