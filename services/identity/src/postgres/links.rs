use chrono::{DateTime, Utc};
use eventstore::StoreError;
use eventstore::sealing::SubjectKey;
use kernel::{Error, UserId};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor, Row};
use zeroize::Zeroizing;

use crate::social::Tokens;

/// An identity at another provider that signs the user in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) id: String,
    pub(crate) user_id: UserId,
    pub(crate) provider_id: String,
    /// With the subject the key of the identity.
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) scopes: Vec<String>,
    /// The provider's tokens, sealed under the user's key.
    pub(crate) tokens: Option<Vec<u8>>,
    pub(crate) access_expires_at: Option<DateTime<Utc>>,
    pub(crate) refresh_expires_at: Option<DateTime<Utc>>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
}

impl Link {
    /// With the provider's newest tokens, sealed; what it did not give anew stays as it was.
    ///
    /// # Errors
    /// `INTERNAL` when nothing can be sealed.
    pub(crate) fn with_tokens(
        self,
        tokens: &Tokens,
        key: &SubjectKey,
        now: DateTime<Utc>,
    ) -> Result<Self, Error> {
        let tokens = match self.open_tokens(key) {
            Some(old) => tokens.clone().over(old),
            None => tokens.clone(),
        };
        let plain = Zeroizing::new(serde_json::to_vec(&tokens).map_err(|_| Error::internal())?);
        let sealed = key.seal(&self.place(), &plain).map_err(|error| {
            tracing::error!(%error, "a provider's tokens could not be sealed");
            Error::internal()
        })?;
        let access_expires_at = tokens.access_expires_at;
        Ok(Self { tokens: Some(sealed), access_expires_at, updated_at: now, ..self })
    }

    /// None when there are none, or the seal does not open.
    pub(crate) fn open_tokens(&self, key: &SubjectKey) -> Option<Tokens> {
        let plain = key.open(&self.place(), self.tokens.as_ref()?).ok()?;
        let tokens: Tokens = serde_json::from_slice(&plain).ok()?;
        Some(Tokens {
            access_expires_at: self.access_expires_at,
            scopes: Some(self.scopes.clone()),
            ..tokens
        })
    }

    fn place(&self) -> String {
        format!("linked-account/{}", self.id)
    }
}

/// Oldest first.
pub(crate) async fn of_user(db: impl PgExecutor<'_>, user: &UserId) -> Result<Vec<Link>, StoreError> {
    let rows = sqlx::query("select * from linked_accounts where user_id = $1 order by created_at, id")
        .bind(user.as_str())
        .fetch_all(db)
        .await?;
    rows.iter().map(link).collect()
}

pub(crate) async fn find(
    db: impl PgExecutor<'_>,
    issuer: &str,
    subject: &str,
) -> Result<Option<Link>, StoreError> {
    let row = sqlx::query("select * from linked_accounts where issuer = $1 and subject = $2")
        .bind(issuer)
        .bind(subject)
        .fetch_optional(db)
        .await?;
    row.as_ref().map(link).transpose()
}

/// # Errors
/// A violation of `linked_accounts_identity` when the identity is linked already.
pub(crate) async fn insert(db: &mut PgConnection, link: &Link) -> Result<(), StoreError> {
    sqlx::query(
        "insert into linked_accounts (id, user_id, provider_id, issuer, subject, tokens, scopes,
           access_expires_at, refresh_expires_at, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(&link.id)
    .bind(link.user_id.as_str())
    .bind(&link.provider_id)
    .bind(&link.issuer)
    .bind(&link.subject)
    .bind(&link.tokens)
    .bind(&link.scopes)
    .bind(link.access_expires_at)
    .bind(link.refresh_expires_at)
    .bind(link.created_at)
    .bind(link.updated_at)
    .execute(db)
    .await?;
    Ok(())
}

/// Keeps the provider's newest tokens.
pub(crate) async fn save_tokens(db: impl PgExecutor<'_>, link: &Link) -> Result<(), StoreError> {
    sqlx::query(
        "update linked_accounts
         set tokens = $2, access_expires_at = $3, refresh_expires_at = $4, updated_at = $5,
           refreshing_until = null
         where id = $1",
    )
    .bind(&link.id)
    .bind(&link.tokens)
    .bind(link.access_expires_at)
    .bind(link.refresh_expires_at)
    .bind(link.updated_at)
    .execute(db)
    .await?;
    Ok(())
}

/// Says whether the caller may use the refresh token that it read, until then: nobody else does,
/// and nobody replaced it.
pub(crate) async fn lease_refresh(
    db: impl PgExecutor<'_>,
    link: &Link,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let leased = sqlx::query(
        "update linked_accounts set refreshing_until = $4
         where id = $1 and tokens = $2 and (refreshing_until is null or refreshing_until <= $3)",
    )
    .bind(&link.id)
    .bind(&link.tokens)
    .bind(now)
    .bind(until)
    .execute(db)
    .await?;
    Ok(leased.rows_affected() == 1)
}

/// Keeps renewed tokens, unless a sign-in brought newer ones meanwhile. None: the lease ends with
/// nothing.
pub(crate) async fn end_refresh(
    db: impl PgExecutor<'_>,
    before: &Link,
    renewed: Option<&Link>,
) -> Result<(), StoreError> {
    let kept = renewed.unwrap_or(before);
    sqlx::query(
        "update linked_accounts
         set tokens = $3, access_expires_at = $4, refresh_expires_at = $5, updated_at = $6,
           refreshing_until = null
         where id = $1 and tokens = $2",
    )
    .bind(&before.id)
    .bind(&before.tokens)
    .bind(&kept.tokens)
    .bind(kept.access_expires_at)
    .bind(kept.refresh_expires_at)
    .bind(kept.updated_at)
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn delete(db: &mut PgConnection, id: &str) -> Result<(), StoreError> {
    sqlx::query("delete from linked_accounts where id = $1").bind(id).execute(db).await?;
    Ok(())
}

fn link(row: &PgRow) -> Result<Link, StoreError> {
    Ok(Link {
        id: row.try_get("id")?,
        user_id: UserId::from(row.try_get::<String, _>("user_id")?),
        provider_id: row.try_get("provider_id")?,
        issuer: row.try_get("issuer")?,
        subject: row.try_get("subject")?,
        scopes: row.try_get("scopes")?,
        tokens: row.try_get("tokens")?,
        access_expires_at: row.try_get("access_expires_at")?,
        refresh_expires_at: row.try_get("refresh_expires_at")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
    })
}
