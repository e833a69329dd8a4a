use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgPool, Postgres, QueryBuilder};

use crate::hashes::Hash;

/// What to list; `None` filters nothing.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) user_id: Option<String>,
    pub(crate) email: Option<Hash>,
    pub(crate) ip: Option<Hash>,
    pub(crate) network: Option<Hash>,
    pub(crate) kind: Option<String>,
    /// Inclusive.
    pub(crate) from: Option<DateTime<Utc>>,
    /// Exclusive.
    pub(crate) to: Option<DateTime<Utc>>,
    /// The row after which the page begins.
    pub(crate) before: Option<i64>,
}

#[derive(Debug, FromRow)]
pub(crate) struct Line {
    pub(crate) row: i64,
    pub(crate) store: String,
    pub(crate) position: i64,
    pub(crate) at: DateTime<Utc>,
    #[sqlx(rename = "type")]
    pub(crate) kind: String,
    pub(crate) user_id: Option<String>,
    pub(crate) actor: Option<String>,
    pub(crate) detail: String,
    pub(crate) trace_id: Option<String>,
    /// Says something of a person who is not erased.
    pub(crate) sealed: bool,
    /// Of a session's event: where identity told the user's address.
    pub(crate) told: Option<i64>,
    /// That is the event that changed it.
    pub(crate) told_change: bool,
}

/// Newest first, ties by row. By time and not by row, because a rebuild or a long absence brings
/// the events of the two stores in blocks.
pub(crate) async fn list(pool: &PgPool, filter: Filter, limit: i64) -> Result<Vec<Line>, sqlx::Error> {
    let mut query: QueryBuilder<Postgres> = QueryBuilder::new(
        "select line.row, line.store, line.position, line.at, line.type, line.user_id, line.actor,
                line.detail::text as detail, line.trace_id,
                line.subject is not null and not exists (
                  select from auth_event_log as erased
                   where erased.store = 'identity' and erased.type = 'user.erased'
                     and erased.user_id = line.subject) as sealed,
                told.position as told, coalesce(told.type = 'user.email_changed', false) as told_change
           from (select * from auth_event_log where true",
    );
    if let Some(email) = filter.email {
        // Their sessions name no address. Asked for beforehand, so that an index serves each part.
        let users = owners_of(pool, &email).await?;
        query.push(" and (email_hash = ").push_bind(email.clone());
        query.push(" or new_email_hash = ").push_bind(email);
        query.push(" or (store = 'session' and user_id = any(").push_bind(users).push(")))");
    }
    for (condition, value) in [(" and user_id = ", filter.user_id), (" and type = ", filter.kind)] {
        if let Some(value) = value {
            query.push(condition).push_bind(value);
        }
    }
    for (condition, hash) in [(" and ip_hash = ", filter.ip), (" and network_hash = ", filter.network)] {
        if let Some(hash) = hash {
            query.push(condition).push_bind(hash);
        }
    }
    if let Some(from) = filter.from {
        query.push(" and at >= ").push_bind(from);
    }
    if let Some(to) = filter.to {
        query.push(" and at < ").push_bind(to);
    }
    if let Some(before) = filter.before {
        // Of a row that is gone, the next older one's place.
        query
            .push(" and (at, row) < ((select at from auth_event_log where row <= ")
            .push_bind(before)
            .push(" order by row desc limit 1), ")
            .push_bind(before)
            .push(")");
    }
    query.push(" order by at desc, row desc limit ").push_bind(limit);
    query.push(TOLD).push(" order by line.at desc, line.row desc");
    query.build_query_as().fetch_all(pool).await
}

/// The address a user had at that time; that of later, where an event of a session came first.
const TOLD: &str = ") as line left join lateral (
    (select position, type, false as later from auth_event_log as before
      where line.store = 'session' and before.store = 'identity' and before.user_id = line.user_id
        and before.email_hash is not null and before.at <= line.at
      order by before.at desc, before.row desc limit 1)
    union all
    (select position, type, true from auth_event_log as after
      where line.store = 'session' and after.store = 'identity' and after.user_id = line.user_id
        and after.email_hash is not null and after.at > line.at
      order by after.at, after.row limit 1)
    order by later limit 1) as told on true";

/// The users who have or had the address.
async fn owners_of(pool: &PgPool, email: &Hash) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "select distinct user_id from auth_event_log
          where user_id is not null
            and (email_hash = $1 or (new_email_hash = $1 and type = 'user.email_changed'))",
    )
    .bind(email)
    .fetch_all(pool)
    .await
}
