//! What an administrator may ask for: requests become filters, or are refused.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use api::usage_metrics::{ListAiUsageRequest, ListAuthEventsRequest};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use kernel::Error;
use prost_types::Timestamp;
use sqlx::PgPool;

use crate::error;
use crate::hashes::{Hash, HashKey, network_of};
use crate::owners::{IDENTITY, Opened, Owners, SESSION};
use crate::postgres::{ai_usage, auth_events};

/// How long a page waits for what is sealed.
const PATIENCE: Duration = Duration::from_secs(2);

/// A page, and the cursor of the next one where there is more.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) events: Vec<Shown>,
    pub(crate) before: Option<i64>,
    /// Stores whose owner did not answer.
    pub(crate) away: Vec<&'static str>,
}

/// A row, with what the owner of the store opened of its event.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) line: auth_events::Line,
    pub(crate) email: Option<String>,
    pub(crate) ip: Option<String>,
    pub(crate) user_agent: Option<String>,
}

/// The auth-event log, as administrators see it.
#[derive(Debug)]
pub(crate) struct AuthEvents {
    pub(crate) pool: PgPool,
    pub(crate) owners: Owners,
    pub(crate) key: HashKey,
}

impl AuthEvents {
    pub(crate) async fn list(&self, request: ListAuthEventsRequest) -> Result<Page, Error> {
        let limit = limit(request.limit, 50, 500);
        let (ip, network) = self.origin(searched(request.ip)?);
        let filter = auth_events::Filter {
            user_id: given(request.user_id),
            email: searched(request.email)?.map(|email| self.key.email(&email)),
            ip,
            network,
            kind: given(request.r#type),
            from: time("from", request.from.as_ref())?,
            to: time("to", request.to.as_ref())?,
            before: request.before.map(|row| i64::try_from(row).unwrap_or(i64::MAX)),
        };
        // One more than asked for tells whether there is a next page.
        let lines = auth_events::list(&self.pool, filter, i64::from(limit) + 1).await;
        let mut lines = lines.map_err(error::database)?;
        let full = limit as usize;
        let more = lines.len() > full;
        lines.truncate(full);
        let before = lines.last().filter(|_| more).map(|line| line.row);
        let (opened, away) = self.open(&lines).await;
        let events = lines.into_iter().map(|line| shown(line, &opened)).collect();
        Ok(Page { events, before, away })
    }

    /// The hash of an address, or of a network.
    fn origin(&self, ip: Option<String>) -> (Option<Hash>, Option<Hash>) {
        let Some(ip) = ip else { return (None, None) };
        match ip.strip_suffix("/64").and_then(network_of) {
            Some(network) => (None, Some(self.key.network(network))),
            None => (Some(self.key.ip(&ip)), None),
        }
    }

    /// One question to each owner, both at once. A page without what is sealed is better than none.
    async fn open(&self, lines: &[auth_events::Line]) -> (ByStore, Vec<&'static str>) {
        let told = lines.iter().filter_map(|line| line.told.map(|position| (IDENTITY, position)));
        let own = lines.iter().filter(|line| line.sealed).map(|line| (line.store.as_str(), line.position));
        let wanted: BTreeSet<(&str, u64)> =
            own.chain(told).map(|(store, position)| (store, position.unsigned_abs())).collect();
        let ask = async |store: &'static str| {
            let of_store = wanted.iter().filter(|(of, _)| *of == store);
            let positions: Vec<u64> = of_store.map(|(_, position)| *position).collect();
            (store, self.owners.open(store, &positions, PATIENCE).await)
        };
        let (identity, session) = futures::join!(ask(IDENTITY), ask(SESSION));
        let (mut opened, mut away) = (ByStore::new(), Vec::new());
        for (store, outcome) in [identity, session] {
            match outcome {
                Ok(events) => drop(opened.insert(store, events)),
                Err(error) => {
                    tracing::warn!(store, %error, "a page of the auth-event log lacks what is sealed");
                    away.push(store);
                }
            }
        }
        (opened, away)
    }
}

type ByStore = BTreeMap<&'static str, Opened>;

fn shown(line: auth_events::Line, opened: &ByStore) -> Shown {
    let find = |store: &str, position: i64| {
        opened.get(store).and_then(|events| events.get(&position.unsigned_abs())?.as_ref())
    };
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let own = find(&line.store, line.position).filter(|_| line.sealed);
    let told = line.told.and_then(|position| find(IDENTITY, position)).and_then(|told| {
        // From the change on, the user's address is the new one.
        given(&told.new_email).filter(|_| line.told_change).or_else(|| given(&told.email))
    });
    Shown {
        email: own.and_then(|own| given(&own.email)).or(told),
        ip: own.and_then(|own| given(&own.ip)),
        user_agent: own.and_then(|own| given(&own.user_agent)),
        line,
    }
}

/// A filter of which only the hash goes to Postgres.
fn searched(field: Option<String>) -> Result<Option<String>, Error> {
    let text = given(field);
    if text.as_ref().is_some_and(|text| text.contains('\0')) { Err(error::not_storable()) } else { Ok(text) }
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
