use chrono::{DateTime, TimeDelta, Utc};
use eventstore::StoreError;
use sqlx::PgPool;

/// A code that was used is remembered this long: whoever comes with it again has stolen it.
const CODE_KEPT: TimeDelta = TimeDelta::days(1);
/// The longest that an access token of a grant that ended may be shown somewhere.
const GRANT_KEPT: TimeDelta = TimeDelta::days(1);

const STATEMENTS: [(&str, TimeDelta); 6] = [
    (
        "delete from oauth_codes where ctid in (select ctid from oauth_codes where expires_at < $1 limit $2 for update skip locked)",
        CODE_KEPT,
    ),
    (
        "delete from oauth_pushed_requests where ctid in (select ctid from oauth_pushed_requests where expires_at < $1 limit $2 for update skip locked)",
        TimeDelta::zero(),
    ),
    (
        "delete from oauth_devices where ctid in (select ctid from oauth_devices where expires_at < $1 limit $2 for update skip locked)",
        CODE_KEPT,
    ),
    (
        "delete from oauth_used_ids where ctid in (select ctid from oauth_used_ids where expires_at < $1 limit $2 for update skip locked)",
        TimeDelta::zero(),
    ),
    (
        "delete from oauth_grants where ctid in (select ctid from oauth_grants where expires_at < $1 limit $2 for update skip locked)",
        GRANT_KEPT,
    ),
    // A grant in use for long leaves one of these behind with every refresh.
    (
        "delete from oauth_refresh_tokens where ctid in (select ctid from oauth_refresh_tokens where expires_at < $1 limit $2 for update skip locked)",
        TimeDelta::zero(),
    ),
];

/// Removes up to `limit` rows of each kind that are good for nothing any more, and says whether
/// there may be others. Several replicas may do it at once.
pub(crate) async fn purge(pool: &PgPool, now: DateTime<Utc>, limit: u32) -> Result<bool, StoreError> {
    let mut more = false;
    for (statement, kept) in STATEMENTS {
        let removed = sqlx::query(statement).bind(now - kept).bind(i64::from(limit)).execute(pool).await?;
        more |= removed.rows_affected() >= u64::from(limit);
    }
    Ok(more)
}
