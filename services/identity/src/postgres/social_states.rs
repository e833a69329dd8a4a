use chrono::{DateTime, Utc};
use eventstore::StoreError;
use sqlx::{PgExecutor, Row};

/// A sign-in that is under way at another provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) provider_id: String,
    pub(crate) callback_url: String,
    pub(crate) error_url: String,
    pub(crate) new_user_url: String,
    /// Whose account is to be linked, and in which session; empty: a sign-in.
    pub(crate) link_user_id: String,
    pub(crate) link_session_id: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires_at: DateTime<Utc>,
}

/// Keeps it, and drops those that nobody came back for.
pub(crate) async fn put(
    db: impl PgExecutor<'_>,
    hash: &[u8; 32],
    pending: &Pending,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "with dropped as (delete from social_states where expires_at <= $10)
         insert into social_states (state_hash, provider_id, callback_url, error_url, new_user_url,
           link_user_id, link_session_id, scopes, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(hash)
    .bind(&pending.provider_id)
    .bind(&pending.callback_url)
    .bind(&pending.error_url)
    .bind(&pending.new_user_url)
    .bind(&pending.link_user_id)
    .bind(&pending.link_session_id)
    .bind(&pending.scopes)
    .bind(pending.expires_at)
    .bind(now)
    .execute(db)
    .await?;
    Ok(())
}

/// Takes it, once: of those who come with the same state one gets it.
pub(crate) async fn take(
    db: impl PgExecutor<'_>,
    hash: &[u8; 32],
    now: DateTime<Utc>,
) -> Result<Option<Pending>, StoreError> {
    let row = sqlx::query("delete from social_states where state_hash = $1 returning *")
        .bind(hash)
        .fetch_optional(db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let pending = Pending {
        provider_id: row.try_get("provider_id")?,
        callback_url: row.try_get("callback_url")?,
        error_url: row.try_get("error_url")?,
        new_user_url: row.try_get("new_user_url")?,
        link_user_id: row.try_get("link_user_id")?,
        link_session_id: row.try_get("link_session_id")?,
        scopes: row.try_get("scopes")?,
        expires_at: row.try_get("expires_at")?,
    };
    Ok(Some(pending).filter(|pending| pending.expires_at > now))
}
