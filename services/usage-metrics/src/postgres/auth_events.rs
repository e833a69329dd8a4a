use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgPool, Postgres, QueryBuilder};

/// What to list; `None` filters nothing.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) user_id: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) ip: Option<String>,
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
    pub(crate) email: Option<String>,
    pub(crate) ip: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) detail: String,
    pub(crate) trace_id: Option<String>,
}

/// Newest first, ties by row. By time and not by row, because a rebuild or a long absence brings
/// the events of the two stores in blocks.
pub(crate) async fn list(pool: &PgPool, filter: Filter, limit: i64) -> Result<Vec<Line>, sqlx::Error> {
    let mut query: QueryBuilder<Postgres> = QueryBuilder::new(
        "select row, store, position, at, type, user_id, email, ip, user_agent, detail::text as detail, trace_id
           from auth_event_log where true",
    );
    let equal = [
        (" and user_id = ", filter.user_id),
        (" and email = ", filter.email),
        (" and ip = ", filter.ip),
        (" and type = ", filter.kind),
    ];
    for (condition, value) in equal {
        if let Some(value) = value {
            query.push(condition).push_bind(value);
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
    query.build_query_as().fetch_all(pool).await
}
