use chrono::{DateTime, Utc};
use eventstore::StoreError;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor, PgPool, Row};

use crate::domain::lockout::{Guard, Refusal};

/// Reserves a guess under the row's lock, so that guesses in all processes see each other.
pub(crate) async fn reserve(
    pool: &PgPool,
    key: &str,
    now: DateTime<Utc>,
) -> Result<Result<(), Refusal>, StoreError> {
    let mut tx = pool.begin().await?;
    sqlx::query("insert into sign_in_guards (address_key) values ($1) on conflict do nothing")
        .bind(key)
        .execute(&mut *tx)
        .await?;
    let row = sqlx::query(
        "select failures, in_flight, reserved_at, locked_until from sign_in_guards
         where address_key = $1 for update",
    )
    .bind(key)
    .fetch_one(&mut *tx)
    .await?;
    let admitted = match guard(&row)?.admit(now) {
        Ok(admitted) => admitted,
        Err(refusal) => {
            tx.rollback().await?;
            return Ok(Err(refusal));
        }
    };
    sqlx::query("update sign_in_guards set in_flight = $2, reserved_at = $3 where address_key = $1")
        .bind(key)
        .bind(i32::try_from(admitted.in_flight).unwrap_or(i32::MAX))
        .bind(admitted.reserved_at)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(Ok(()))
}

/// Gives a reservation back when the guess was not verified.
pub(crate) async fn release(pool: &PgPool, key: &str) -> Result<(), StoreError> {
    sqlx::query("update sign_in_guards set in_flight = greatest(in_flight - 1, 0) where address_key = $1")
        .bind(key)
        .execute(pool)
        .await?;
    Ok(())
}

/// Failures and lock change only in transactions that hold the address's stream: read under it,
/// they stay as they are until [`settle`].
pub(crate) async fn find(db: impl PgExecutor<'_>, key: &str) -> Result<Guard, StoreError> {
    let row = sqlx::query(
        "select failures, in_flight, reserved_at, locked_until from sign_in_guards where address_key = $1",
    )
    .bind(key)
    .fetch_optional(db)
    .await?;
    row.as_ref().map_or(Ok(Guard::default()), guard)
}

/// Writes a settled guard and gives its reservation back.
pub(crate) async fn settle(db: &mut PgConnection, key: &str, guard: &Guard) -> Result<(), StoreError> {
    sqlx::query(
        "update sign_in_guards
         set failures = $2, locked_until = $3, in_flight = greatest(in_flight - 1, 0) where address_key = $1",
    )
    .bind(key)
    .bind(i32::try_from(guard.failures).unwrap_or(i32::MAX))
    .bind(guard.locked_until)
    .execute(db)
    .await?;
    Ok(())
}

/// Is the address locked, to strangers or on a known device?
pub(crate) async fn is_locked(
    db: impl PgExecutor<'_>,
    address_key: &str,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let locked = sqlx::query_scalar(
        "select exists (select 1 from sign_in_guards
           where (address_key = $1 or address_key like $1 || '/%') and locked_until > $2)",
    );
    Ok(locked.bind(address_key).bind(now).fetch_one(db).await?)
}

/// Forgets what was guessed: by strangers and on known devices.
pub(crate) async fn forget(db: &mut PgConnection, address_key: &str) -> Result<(), StoreError> {
    sqlx::query("delete from sign_in_guards where address_key = $1 or address_key like $1 || '/%'")
        .bind(address_key)
        .execute(db)
        .await?;
    Ok(())
}

fn guard(row: &PgRow) -> Result<Guard, StoreError> {
    let count =
        |column: &str| Ok::<_, StoreError>(u32::try_from(row.try_get::<i32, _>(column)?).unwrap_or(0));
    Ok(Guard {
        failures: count("failures")?,
        in_flight: count("in_flight")?,
        reserved_at: row.try_get("reserved_at")?,
        locked_until: row.try_get("locked_until")?,
    })
}
