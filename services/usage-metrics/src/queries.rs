//! What an administrator may ask for: requests become filters, or are refused.

use api::usage_metrics::{ListAiUsageRequest, ListAuthEventsRequest};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use kernel::Error;
use prost_types::Timestamp;
use sqlx::PgPool;

use crate::error;
use crate::postgres::{ai_usage, auth_events};

/// A page, and the cursor of the next one where there is more.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) lines: Vec<auth_events::Line>,
    pub(crate) before: Option<i64>,
}

pub(crate) async fn list_auth_events(pool: &PgPool, request: ListAuthEventsRequest) -> Result<Page, Error> {
    let limit = limit(request.limit, 50, 500);
    let filter = auth_events::Filter {
        user_id: given(request.user_id),
        // Addresses are recorded in lower case.
        email: given(request.email).map(|email| email.to_ascii_lowercase()),
        ip: given(request.ip),
        kind: given(request.r#type),
        from: time("from", request.from.as_ref())?,
        to: time("to", request.to.as_ref())?,
        before: request.before.map(|row| i64::try_from(row).unwrap_or(i64::MAX)),
    };
    // One more than asked for tells whether there is a next page.
    let mut lines = auth_events::list(pool, filter, i64::from(limit) + 1).await.map_err(error::database)?;
    let full = limit as usize;
    let more = lines.len() > full;
    lines.truncate(full);
    let before = lines.last().filter(|_| more).map(|line| line.row);
    Ok(Page { lines, before })
}

pub(crate) async fn list_ai_usage(
    pool: &PgPool,
    request: ListAiUsageRequest,
) -> Result<Vec<ai_usage::Day>, Error> {
    let limit = limit(request.limit, 100, 1000);
    let filter = ai_usage::Filter {
        user_id: given(request.user_id),
        from: day("from", request.from)?,
        to: day("to", request.to)?,
    };
    ai_usage::list(pool, filter, limit.into()).await.map_err(error::database)
}

fn limit(asked: u32, default: u32, most: u32) -> u32 {
    if asked == 0 { default } else { asked.min(most) }
}

/// An empty field of a form filters nothing.
fn given(field: Option<String>) -> Option<String> {
    field.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Exactly `YYYY-MM-DD`, years 1 to 9999.
fn day(field: &'static str, text: Option<String>) -> Result<Option<NaiveDate>, Error> {
    let Some(text) = given(text) else { return Ok(None) };
    NaiveDate::parse_from_str(&text, "%Y-%m-%d")
        .ok()
        .filter(|day| day.year() > 0 && day.format("%Y-%m-%d").to_string() == text)
        .map(Some)
        .ok_or_else(|| error::invalid_date(field))
}

/// What both protobuf (`google.protobuf.Timestamp`) and Postgres can hold.
fn time(field: &'static str, at: Option<&Timestamp>) -> Result<Option<DateTime<Utc>>, Error> {
    let Some(at) = api::time_opt(at)? else { return Ok(None) };
    if (1..=9999).contains(&at.year()) { Ok(Some(at)) } else { Err(error::invalid_timestamp(field)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_one_spelling() {
        assert_eq!(day("from", Some("2026-01-05".to_owned())).unwrap(), NaiveDate::from_ymd_opt(2026, 1, 5));
        assert_eq!(day("from", Some(String::new())).unwrap(), None);
        for bad in ["yesterday", "2026-1-5", "2026-02-30", "+02026-01-05", "0000-01-01", "05.01.2026"] {
            let error = day("from", Some(bad.to_owned())).unwrap_err();
            assert_eq!((&*error.reason, error.metadata["field"].as_str()), ("INVALID_DATE", "from"), "{bad}");
        }
    }

    #[test]
    fn limits_are_clamped_and_zero_means_the_default() {
        assert_eq!([0, 1, 500, 501, u32::MAX].map(|n| limit(n, 50, 500)), [50, 1, 500, 500, 500]);
    }

    #[test]
    fn a_time_that_postgres_cannot_hold_is_refused() {
        let at = Timestamp { seconds: -70_000_000_000, nanos: 0 };
        assert_eq!(time("to", Some(&at)).unwrap_err().reason, "INVALID_TIMESTAMP");
    }
}
