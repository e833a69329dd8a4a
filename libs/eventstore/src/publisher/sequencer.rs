use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::{FutureExt, StreamExt};
use sqlx::Row;
use tokio::sync::watch;
use tokio::time::timeout;

use super::leader::{Leader, STATEMENT_LIMIT, listen};
use super::{Publisher, PublisherError};
use crate::Backoff;
use crate::recorded::unsigned;

/// Most events given a position by one statement.
const BATCH: i64 = 5000;

/// The pause after which the log is looked at although nobody woke the sequencer.
const POLL: Duration = Duration::from_millis(250);

/// Takes the finished events in the order of (tx, pos) and gives them the next positions.
///
/// Finished: older than every transaction that still runs (`pg_snapshot_xmin`), so nothing can
/// appear before them any more. `fence` finds no row when another leader has raised the epoch, and
/// locks it when it does, so that leaders follow each other. When nothing is to be done, nothing
/// is written. `$2` keeps the index scan off the entries of this epoch's earlier batches.
const SEQUENCE: &str = "
with batch as materialized (
    select pos, tx, row_number() over (order by tx, pos) as n from (
        select pos, tx from events
        where gpos is null and tx >= $2::text::xid8 and tx < pg_snapshot_xmin(pg_current_snapshot())
        order by tx, pos limit $3
    ) finished
), fence as materialized (
    select gpos from sequencer where epoch = $1 and exists (select from batch) for update
), numbered as (
    update events e set gpos = fence.gpos + batch.n from batch, fence where e.pos = batch.pos returning e.gpos
), moved as (
    update sequencer s set gpos = s.gpos + (select count(*) from numbered)
    where s.epoch = $1 and exists (select from fence)
    returning s.gpos
)
select coalesce((select gpos from moved), s.gpos) as head,
    s.epoch = $1 and (select count(*) from batch) = (select count(*) from numbered) as leading,
    (select count(*) from numbered) as taken,
    (select max(tx)::text from batch) as last_tx,
    (select at from events
     where gpos is null and tx >= pg_snapshot_xmin(pg_current_snapshot()) order by tx, pos limit 1) as blocked_since
from sequencer s";

/// What one statement did.
#[derive(Debug)]
pub(super) struct Step {
    head: u64,
    pub(super) taken: i64,
    /// Time of the oldest event that is committed but not finished, if any.
    blocked_since: Option<DateTime<Utc>>,
}

pub(super) struct Sequencer {
    leader: Leader,
    /// Transaction of the last event sequenced in this epoch.
    last_tx: String,
}

impl Sequencer {
    pub(super) fn new(leader: Leader) -> Self {
        Self { leader, last_tx: "0".to_owned() }
    }

    pub(super) async fn step(&mut self) -> Result<Step, PublisherError> {
        let query = sqlx::query(SEQUENCE).bind(self.leader.epoch).bind(&self.last_tx).bind(BATCH);
        let row = timeout(STATEMENT_LIMIT, query.fetch_one(&mut self.leader.connection)).await??;
        if !row.try_get::<bool, _>("leading")? {
            return Err(PublisherError::Fenced);
        }
        if let Some(last) = row.try_get::<Option<String>, _>("last_tx")? {
            self.last_tx = last;
        }
        Ok(Step {
            head: unsigned(row.try_get("head")?),
            taken: row.try_get("taken")?,
            blocked_since: row.try_get("blocked_since")?,
        })
    }
}

/// Sequences until something fails. An error ends the leadership: the next one starts with a
/// connection and an epoch of its own.
pub(super) async fn run(
    publisher: &Publisher,
    leader: Leader,
    heads: &watch::Sender<u64>,
) -> Result<std::convert::Infallible, PublisherError> {
    let store = publisher.store.name();
    let mut wakes = listen(&publisher.store).await?.into_stream();
    let mut commits = publisher.store.commits();
    let mut sequencer = Sequencer::new(leader);
    let mut blocked = Backoff::new(Duration::from_millis(1), Duration::from_millis(16));
    loop {
        commits.mark_unchanged();
        let step = sequencer.step().await?;
        heads.send_if_modified(|head| std::mem::replace(head, step.head) != step.head);
        report(publisher, &step);
        metrics::counter!("eventstore_sequenced_total", "store" => store)
            .increment(step.taken.unsigned_abs());
        if step.taken == BATCH {
            continue;
        }
        // Nobody tells when the transaction that holds the frontier ends.
        let pause = if step.blocked_since.is_some() && step.taken == 0 {
            blocked.step()
        } else {
            blocked.reset();
            if step.blocked_since.is_some() { blocked.step() } else { POLL }
        };
        tokio::select! {
            _ = commits.changed() => {}
            () = tokio::time::sleep(pause) => {}
            wake = wakes.next() => {
                wake.transpose()?;
                // One look serves all who knocked.
                while let Some(Some(wake)) = wakes.next().now_or_never() {
                    wake?;
                }
            }
        }
    }
}

fn report(publisher: &Publisher, step: &Step) {
    let store = publisher.store.name();
    let age = step
        .blocked_since
        .and_then(|since| (publisher.clock.now() - since).to_std().ok())
        .unwrap_or_default();
    metrics::gauge!("eventstore_frontier_age_seconds", "store" => store).set(age.as_secs_f64());
    publisher.status.update(|report| {
        report.leader = true;
        report.database = None;
        report.head = step.head;
        report.frontier_age = age;
    });
}
