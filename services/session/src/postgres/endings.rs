use chrono::{DateTime, Utc};
use eventstore::StoreError;
use kernel::UserId;
use sqlx::{PgConnection, PgExecutor, Row};

use super::sessions::{signed, unsigned};

/// Sessions that identity has ended and that are still to be revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ending {
    /// Of identity's event.
    pub(crate) position: u64,
    pub(crate) user_id: UserId,
    /// None: all of them.
    pub(crate) below_epoch: Option<u64>,
    pub(crate) spared: Option<String>,
    pub(crate) reason: String,
    pub(crate) actor: Option<String>,
    pub(crate) erase: bool,
}

/// Once for each event, however often it comes.
pub(crate) async fn note(
    db: &mut PgConnection,
    ending: &Ending,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into endings
             (position, user_id, below_epoch, spared_session_id, reason, actor, erase, noted_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (position) do nothing",
    )
    .bind(signed(ending.position))
    .bind(ending.user_id.as_str())
    .bind(ending.below_epoch.map(signed))
    .bind(ending.spared.as_deref())
    .bind(&ending.reason)
    .bind(ending.actor.as_deref())
    .bind(ending.erase)
    .bind(at)
    .execute(db)
    .await?;
    Ok(())
}

/// In the order of identity's events, behind `after`.
pub(crate) async fn next(db: impl PgExecutor<'_>, after: u64, limit: u32) -> Result<Vec<Ending>, StoreError> {
    let rows = sqlx::query(
        "select position, user_id, below_epoch, spared_session_id, reason, actor, erase from endings
         where position > $1 order by position limit $2",
    )
    .bind(signed(after))
    .bind(i64::from(limit))
    .fetch_all(db)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Ending {
                position: unsigned(row.try_get("position")?),
                user_id: UserId::from(row.try_get::<String, _>("user_id")?),
                below_epoch: row.try_get::<Option<i64>, _>("below_epoch")?.map(unsigned),
                spared: row.try_get("spared_session_id")?,
                reason: row.try_get("reason")?,
                actor: row.try_get("actor")?,
                erase: row.try_get("erase")?,
            })
        })
        .collect()
}

pub(crate) async fn done(db: impl PgExecutor<'_>, position: u64) -> Result<(), StoreError> {
    sqlx::query("delete from endings where position = $1").bind(signed(position)).execute(db).await?;
    Ok(())
}
