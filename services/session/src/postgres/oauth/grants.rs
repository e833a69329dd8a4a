use chrono::{DateTime, Utc};
use eventstore::StoreError;
use kernel::{SessionId, UserId};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor, Row};

use crate::domain::oauth::claims_request::ClaimsRequest;
use crate::postgres::sessions::{signed, unsigned};

/// What was granted to an application: all its tokens live and end with it.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) id: String,
    pub(crate) client_id: String,
    /// None: the application acts for itself.
    pub(crate) user_id: Option<UserId>,
    pub(crate) session_id: Option<SessionId>,
    pub(crate) epoch: u64,
    pub(crate) scopes: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) claims: ClaimsRequest,
    pub(crate) jkt: Option<String>,
    pub(crate) auth_time: Option<DateTime<Utc>>,
    pub(crate) issued_at: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) revoked_at: Option<DateTime<Utc>>,
}

/// Those that are still good for something.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Of<'a> {
    Client(&'a str),
    Consent(&'a UserId, &'a str),
}

pub(crate) fn stream(id: &str) -> String {
    format!("grant-{id}")
}

pub(crate) async fn find(db: impl PgExecutor<'_>, id: &str) -> Result<Option<Grant>, StoreError> {
    let row = sqlx::query("select * from oauth_grants where id = $1").bind(id).fetch_optional(db).await?;
    row.as_ref().map(grant).transpose()
}

pub(crate) async fn live(
    db: impl PgExecutor<'_>,
    of: Of<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<String>, StoreError> {
    let (user, client) = match of {
        Of::Client(client) => (None, client),
        Of::Consent(user, client) => (Some(user.as_str()), client),
    };
    Ok(sqlx::query_scalar(
        "select id from oauth_grants
         where client_id = $1 and ($2::text is null or user_id = $2) and revoked_at is null and expires_at > $3",
    )
    .bind(client)
    .bind(user)
    .bind(now)
    .fetch_all(db)
    .await?)
}

pub(crate) async fn insert(db: &mut PgConnection, grant: &Grant) -> Result<(), StoreError> {
    sqlx::query(
        "insert into oauth_grants (id, client_id, user_id, session_id, epoch, scopes, resources, claims,
                                   jkt, auth_time, issued_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(&grant.id)
    .bind(&grant.client_id)
    .bind(grant.user_id.as_ref().map(UserId::as_str))
    .bind(grant.session_id.as_ref().map(SessionId::as_str))
    .bind(signed(grant.epoch))
    .bind(&grant.scopes)
    .bind(&grant.resources)
    .bind(Json(&grant.claims))
    .bind(&grant.jkt)
    .bind(grant.auth_time)
    .bind(grant.issued_at)
    .bind(grant.expires_at)
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn prolong(
    db: &mut PgConnection,
    id: &str,
    expires_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query("update oauth_grants set expires_at = greatest(expires_at, $2) where id = $1")
        .bind(id)
        .bind(expires_at)
        .execute(db)
        .await?;
    Ok(())
}

pub(crate) async fn revoke(db: &mut PgConnection, id: &str, at: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query("update oauth_grants set revoked_at = $2 where id = $1 and revoked_at is null")
        .bind(id)
        .bind(at)
        .execute(db)
        .await?;
    Ok(())
}

/// What a session has granted ends with it. Answers the applications that want to be told, each
/// once, with the user.
pub(crate) async fn end_with_session(
    db: &mut PgConnection,
    session: &SessionId,
    at: DateTime<Utc>,
) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "with ended as (
             update oauth_grants set revoked_at = coalesce(revoked_at, $2) where session_id = $1
             returning client_id
         )
         select distinct e.client_id from ended e join oauth_clients c on c.id = e.client_id
         where c.metadata ? 'backchannel_logout_uri'",
    )
    .bind(session.as_str())
    .bind(at)
    .fetch_all(db)
    .await?)
}

/// Revoked since then, with the session's end or by themselves.
pub(crate) async fn revoked_since(
    db: impl PgExecutor<'_>,
    since: DateTime<Utc>,
) -> Result<Vec<(String, DateTime<Utc>)>, StoreError> {
    Ok(sqlx::query_as(
        "select id, revoked_at from oauth_grants where revoked_at >= $1 order by revoked_at, id",
    )
    .bind(since)
    .fetch_all(db)
    .await?)
}

/// Everything that names a person who is being erased.
pub(crate) async fn erase(db: &mut PgConnection, person: &UserId) -> Result<(), StoreError> {
    for statement in [
        "delete from oauth_codes where user_id = $1",
        "delete from oauth_devices where user_id = $1",
        "delete from oauth_consents where user_id = $1",
        "delete from oauth_grants where user_id = $1",
    ] {
        sqlx::query(statement).bind(person.as_str()).execute(&mut *db).await?;
    }
    Ok(())
}

fn grant(row: &PgRow) -> Result<Grant, StoreError> {
    let claims: Option<Json<ClaimsRequest>> = row.try_get("claims")?;
    Ok(Grant {
        id: row.try_get("id")?,
        client_id: row.try_get("client_id")?,
        user_id: row.try_get::<Option<String>, _>("user_id")?.map(UserId::from),
        session_id: row.try_get::<Option<String>, _>("session_id")?.map(SessionId::from),
        epoch: unsigned(row.try_get("epoch")?),
        scopes: row.try_get("scopes")?,
        resources: row.try_get("resources")?,
        claims: claims.map(|Json(claims)| claims).unwrap_or_default(),
        jkt: row.try_get("jkt")?,
        auth_time: row.try_get("auth_time")?,
        issued_at: row.try_get("issued_at")?,
        expires_at: row.try_get("expires_at")?,
        revoked_at: row.try_get("revoked_at")?,
    })
}
