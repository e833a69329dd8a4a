use chrono::NaiveDate;
use sqlx::{FromRow, PgPool, Postgres, QueryBuilder};

/// What to list; `None` filters nothing.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) user_id: Option<String>,
    /// UTC, both inclusive.
    pub(crate) from: Option<NaiveDate>,
    pub(crate) to: Option<NaiveDate>,
}

#[derive(Debug, FromRow)]
pub(crate) struct Day {
    pub(crate) day: NaiveDate,
    pub(crate) user_id: String,
    pub(crate) messages: i64,
    pub(crate) completed: i64,
    pub(crate) failed: i64,
    pub(crate) error_rate: Option<f64>,
    pub(crate) mean_response_ms: Option<f64>,
    pub(crate) p95_response_ms: Option<f64>,
    pub(crate) mean_ttft_ms: Option<f64>,
    pub(crate) p95_ttft_ms: Option<f64>,
    pub(crate) tokens_in: i64,
    pub(crate) tokens_out: i64,
}

/// Newest day first, users in the order of their ids.
pub(crate) async fn list(pool: &PgPool, filter: Filter, limit: i64) -> Result<Vec<Day>, sqlx::Error> {
    let mut query: QueryBuilder<Postgres> = QueryBuilder::new("select * from ai_usage_daily where true");
    if let Some(user) = filter.user_id {
        query.push(" and user_id = ").push_bind(user);
    }
    if let Some(from) = filter.from {
        query.push(" and day >= ").push_bind(from);
    }
    if let Some(to) = filter.to {
        query.push(" and day <= ").push_bind(to);
    }
    query.push(" order by day desc, user_id limit ").push_bind(limit);
    query.build_query_as().fetch_all(pool).await
}
