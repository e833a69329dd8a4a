use chrono::{DateTime, Utc};
use eventstore::StoreError;
use kernel::{SessionId, UserId};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor, PgPool, Row};

use crate::domain::session::{Impersonation, Session};

/// Sessions `s`, each with the administrator's session `a` behind it, as far as that is still open.
macro_rules! select {
    ($columns:literal, $joins:literal, $condition:literal) => {
        concat!(
            "select s.id, s.user_id, s.expires_at, s.created_at, s.updated_at, s.remember, s.revoked_at,
                 s.epoch, s.impersonated_by, s.impersonator_session_id, coalesce(a.epoch, 0) as admin_epoch,
                 case when a.revoked_at is null then a.expires_at end as admin_until",
            $columns,
            " from sessions s left join sessions a on a.id = s.impersonator_session_id ",
            $joins,
            " where ",
            $condition
        )
    };
    (sealed, $condition:literal) => {
        select!(
            ", s.personal, k.wrapped",
            "left join subject_keys k on k.subject = coalesce(s.impersonated_by, s.user_id)",
            $condition
        )
    };
    ($condition:literal) => {
        select!("", "", $condition)
    };
}

/// What a row says of a person, and the wrapped key it is sealed under, if that still exists.
#[derive(Debug, Default)]
pub(crate) struct Sealed {
    pub(crate) personal: Option<Vec<u8>>,
    pub(crate) wrapped: Option<Vec<u8>>,
}

/// A row at its start.
pub(crate) struct NewRow<'a> {
    pub(crate) session: &'a Session,
    pub(crate) token_hash: &'a [u8; 32],
    pub(crate) personal: &'a [u8],
}

pub(crate) async fn find(db: impl PgExecutor<'_>, id: &SessionId) -> Result<Option<Session>, StoreError> {
    let row = sqlx::query(select!("s.id = $1")).bind(id.as_str()).fetch_optional(db).await?;
    row.as_ref().map(session).transpose()
}

pub(crate) async fn find_by_token_hash(
    db: impl PgExecutor<'_>,
    hash: &[u8; 32],
) -> Result<Option<Session>, StoreError> {
    let row = sqlx::query(select!("s.token_hash = $1")).bind(&hash[..]).fetch_optional(db).await?;
    row.as_ref().map(session).transpose()
}

pub(crate) async fn find_sealed(
    db: impl PgExecutor<'_>,
    hash: &[u8; 32],
) -> Result<Option<(Session, Sealed)>, StoreError> {
    let row = sqlx::query(select!(sealed, "s.token_hash = $1")).bind(&hash[..]).fetch_optional(db).await?;
    row.as_ref().map(session_and_seal).transpose()
}

/// With the id of the key that signs at this time.
pub(crate) async fn find_with_signer(
    db: impl PgExecutor<'_>,
    hash: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<Option<(Session, Option<String>)>, StoreError> {
    let row = sqlx::query(select!(
        ", (select kid from signing_keys
            where signs_from <= $2 and (verifies_until is null or verifies_until > $2)
            order by generation desc limit 1) as signer",
        "",
        "s.token_hash = $1"
    ))
    .bind(&hash[..])
    .bind(now)
    .fetch_optional(db)
    .await?;
    row.map(|row| Ok((session(&row)?, row.try_get("signer")?))).transpose()
}

/// Those of a user that are open by their own row, newest first.
pub(crate) async fn open_of(
    db: impl PgExecutor<'_>,
    user: &UserId,
    now: DateTime<Utc>,
) -> Result<Vec<(Session, Sealed)>, StoreError> {
    let rows = sqlx::query(select!(
        sealed,
        "s.user_id = $1 and s.revoked_at is null and s.expires_at > $2 order by s.created_at desc, s.id"
    ))
    .bind(user.as_str())
    .bind(now)
    .fetch_all(db)
    .await?;
    rows.iter().map(session_and_seal).collect()
}

/// Which sessions of a user.
pub(crate) enum Which<'a> {
    All,
    /// By its id or the hash of its token.
    One(&'a str, &'a [u8; 32]),
    /// Of earlier epochs.
    Below(u64),
}

pub(crate) async fn ids_of(
    db: impl PgExecutor<'_>,
    user: &UserId,
    which: Which<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<SessionId>, StoreError> {
    let (id, hash, below) = match which {
        Which::All => (None, None, None),
        Which::One(id, hash) => (Some(id), Some(&hash[..]), None),
        Which::Below(epoch) => (None, None, Some(signed(epoch))),
    };
    let ids: Vec<String> = sqlx::query_scalar(
        "select id from sessions
         where user_id = $1 and revoked_at is null and expires_at > $2
             and ($3::text is null or id = $3 or token_hash = $4)
             and ($5::bigint is null or epoch < $5)
         order by created_at, id",
    )
    .bind(user.as_str())
    .bind(now)
    .bind(id)
    .bind(hash)
    .bind(below)
    .fetch_all(db)
    .await?;
    Ok(ids.into_iter().map(SessionId::from).collect())
}

/// Sessions in which the holder of an administrator's session acts as somebody.
pub(crate) async fn impersonated_from(
    db: impl PgExecutor<'_>,
    admin_session: &SessionId,
    now: DateTime<Utc>,
) -> Result<Vec<SessionId>, StoreError> {
    let ids: Vec<String> = sqlx::query_scalar(
        "select id from sessions where impersonator_session_id = $1 and revoked_at is null and expires_at > $2",
    )
    .bind(admin_session.as_str())
    .bind(now)
    .fetch_all(db)
    .await?;
    Ok(ids.into_iter().map(SessionId::from).collect())
}

/// Sessions that outlived the administrator's session behind them.
pub(crate) async fn orphaned(
    db: impl PgExecutor<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<SessionId>, StoreError> {
    let ids: Vec<String> = sqlx::query_scalar(
        "select s.id from sessions s left join sessions a on a.id = s.impersonator_session_id
         where s.impersonator_session_id is not null and s.revoked_at is null and s.expires_at > $1
             and (a.id is null or a.revoked_at is not null or a.expires_at <= $1)",
    )
    .bind(now)
    .fetch_all(db)
    .await?;
    Ok(ids.into_iter().map(SessionId::from).collect())
}

/// Revoked since then; no token of a session outlives the session's own end.
pub(crate) async fn revoked_since(
    db: impl PgExecutor<'_>,
    since: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<(SessionId, DateTime<Utc>)>, StoreError> {
    let rows: Vec<(String, DateTime<Utc>)> = sqlx::query_as(
        "select id, revoked_at from sessions where revoked_at >= $1 and expires_at > $2 order by revoked_at, id",
    )
    .bind(since)
    .bind(now)
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(id, at)| (SessionId::from(id), at)).collect())
}

/// Holds off the erasure of a person until the transaction ends, and says whether there still is a
/// key of theirs. Takes no transaction id, so that an append may follow.
pub(crate) async fn stay(db: &mut PgConnection, person: &UserId) -> Result<bool, StoreError> {
    sqlx::query("select pg_advisory_xact_lock_shared(hashtextextended('erase/' || $1, 0))")
        .bind(person.as_str())
        .execute(&mut *db)
        .await?;
    // A statement of its own: its snapshot must be younger than the lock.
    let found: bool = sqlx::query_scalar("select exists (select 1 from subject_keys where subject = $1)")
        .bind(person.as_str())
        .fetch_one(db)
        .await?;
    Ok(found)
}

/// Removes all rows of a person who is being erased; waits for sessions that are just starting.
pub(crate) async fn erase(db: &mut PgConnection, person: &UserId) -> Result<(), StoreError> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('erase/' || $1, 0))")
        .bind(person.as_str())
        .execute(&mut *db)
        .await?;
    sqlx::query("delete from sessions where user_id = $1").bind(person.as_str()).execute(&mut *db).await?;
    Ok(())
}

pub(crate) async fn insert(db: &mut PgConnection, row: &NewRow<'_>) -> Result<(), StoreError> {
    let NewRow { session, token_hash, personal } = row;
    let by = session.impersonation.as_ref();
    sqlx::query(
        "insert into sessions
             (id, token_hash, user_id, expires_at, created_at, updated_at, remember, epoch, personal,
              impersonated_by, impersonator_session_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(session.id.as_str())
    .bind(&token_hash[..])
    .bind(session.user_id.as_str())
    .bind(session.expires_at)
    .bind(session.created_at)
    .bind(session.updated_at)
    .bind(session.remember)
    .bind(signed(session.epoch))
    .bind(*personal)
    .bind(by.map(|by| by.admin_id.as_str()))
    .bind(by.map(|by| by.session_id.as_str()))
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

/// Removes up to `limit` sessions that ended before, and returns how many those were. Several
/// replicas may do it at once.
pub(crate) async fn purge(pool: &PgPool, before: DateTime<Utc>, limit: u32) -> Result<u64, StoreError> {
    let removed = sqlx::query(
        "with ended as materialized (
             select id from sessions where revoked_at < $1 or expires_at < $1
             limit $2 for update skip locked
         )
         delete from sessions s using ended e where s.id = e.id",
    )
    .bind(before)
    .bind(i64::from(limit))
    .execute(pool)
    .await?;
    Ok(removed.rows_affected())
}

fn session_and_seal(row: &PgRow) -> Result<(Session, Sealed), StoreError> {
    let sealed = Sealed { personal: row.try_get("personal")?, wrapped: row.try_get("wrapped")? };
    Ok((session(row)?, sealed))
}

fn session(row: &PgRow) -> Result<Session, StoreError> {
    let by: Option<String> = row.try_get("impersonated_by")?;
    let from: Option<String> = row.try_get("impersonator_session_id")?;
    let impersonation = match by.zip(from) {
        None => None,
        Some((admin_id, session_id)) => Some(Impersonation {
            admin_id: UserId::from(admin_id),
            session_id: SessionId::from(session_id),
            until: row.try_get("admin_until")?,
            epoch: unsigned(row.try_get("admin_epoch")?),
        }),
    };
    Ok(Session {
        id: SessionId::from(row.try_get::<String, _>("id")?),
        user_id: UserId::from(row.try_get::<String, _>("user_id")?),
        expires_at: row.try_get("expires_at")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        remember: row.try_get("remember")?,
        revoked_at: row.try_get("revoked_at")?,
        epoch: unsigned(row.try_get("epoch")?),
        impersonation,
    })
}

/// Epochs count what ends a user's sessions: they stay far below 2^63.
pub(crate) fn signed(epoch: u64) -> i64 {
    i64::try_from(epoch).unwrap_or(i64::MAX)
}

pub(crate) fn unsigned(epoch: i64) -> u64 {
    u64::try_from(epoch).unwrap_or_default()
}
