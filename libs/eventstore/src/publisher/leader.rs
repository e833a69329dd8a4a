use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{PgConnection, PgPool};
use tokio::time::timeout;

use super::{PublisherError, PublisherStatus};
use crate::Store;
use crate::recorded::unsigned;

/// How often a process that does not lead asks whether it may: the longest pause when a leader dies.
const STANDBY_POLL: Duration = Duration::from_millis(500);

/// The longest a leader's statement may take before the leader gives its place up.
pub(super) const STATEMENT_LIMIT: Duration = Duration::from_secs(10);

/// First half of the advisory key, so that it shares no key with the streams' 64-bit locks
/// (Postgres keeps the two key spaces apart) nor with another use of two-part keys.
const LOCK_CLASS: i32 = 0x1e_ad;

/// The right to sequence a store: a session lock on a connection of its own, and a fencing epoch
/// for the time in which the lock is gone and this process does not know it yet.
pub(super) struct Leader {
    pub(super) connection: PgConnection,
    pub(super) epoch: i64,
    /// Highest position given when the epoch began.
    pub(super) head: u64,
}

/// The store's wake-up channel. Postgres scopes it to the database, hence the schema in it.
pub(super) async fn channel(pool: &PgPool) -> Result<String, sqlx::Error> {
    sqlx::query_scalar("select 'eventstore:' || current_schema()").fetch_one(pool).await
}

/// Wakes the leader, wherever it runs. Called after a commit and never inside of one: Postgres
/// serialises the commits of transactions that notify (ADR 0003).
async fn wake_leader(store: &Store) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_notify('eventstore:' || current_schema(), '')")
        .execute(store.pool())
        .await
        .map(drop)
}

/// Listens on a connection of its own, outside of the service's pool.
pub(super) async fn listen(store: &Store) -> Result<PgListener, sqlx::Error> {
    let options = store.pool().connect_options().as_ref().clone();
    let own = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
    let mut listener = PgListener::connect_with(&own).await?;
    listener.listen(&channel(store.pool()).await?).await?;
    Ok(listener)
}

impl Leader {
    /// Waits until no other process leads. Meanwhile passes this process's commits on.
    pub(super) async fn wait(store: &Store, status: &PublisherStatus) -> Result<Self, PublisherError> {
        let mut connection = store.pool().acquire().await?.detach();
        // A leader whose machine vanished must lose the lock soon: the server probes the connection.
        // Sequential scans are never right here, whatever the planner thinks of unsequenced rows; the
        // price it puts on them must not set off the compiler, which takes half a second.
        for setting in [
            "set tcp_keepalives_idle = 10",
            "set tcp_keepalives_interval = 5",
            "set tcp_keepalives_count = 3",
            "set enable_seqscan = off",
            "set jit = off",
            "set default_transaction_isolation = 'read committed'",
        ] {
            sqlx::query(setting).execute(&mut connection).await?;
        }
        let mut commits = store.commits();
        while !try_lock(&mut connection).await? {
            status.update(|report| report.database = None);
            tokio::select! {
                _ = commits.changed() => wake_leader(store).await?,
                () = tokio::time::sleep(STANDBY_POLL) => {}
            }
        }
        let (epoch, head): (i64, i64) =
            sqlx::query_as("update sequencer set epoch = epoch + 1 returning epoch, gpos")
                .fetch_one(&mut connection)
                .await?;
        adopt(&mut connection).await?;
        tracing::info!(store = store.name(), epoch, head, "sequencing");
        Ok(Self { connection, epoch, head: unsigned(head) })
    }
}

async fn try_lock(connection: &mut PgConnection) -> Result<bool, PublisherError> {
    let query =
        sqlx::query_scalar("select pg_try_advisory_lock($1, hashtext(current_schema()))").bind(LOCK_CLASS);
    Ok(timeout(STATEMENT_LIMIT, query.fetch_one(connection)).await??)
}

/// After a dump was restored into another cluster, the transaction ids of events not yet sequenced
/// mean nothing: they may lie in this cluster's future, and would wait there for ever or be
/// overtaken by later events of their stream. So, once per cluster: wait for all writers, keep new
/// ones out, and take what is there in order of insertion, which is right within each stream.
async fn adopt(connection: &mut PgConnection) -> Result<(), PublisherError> {
    let moved: bool = sqlx::query_scalar(
        "select cluster <> (select system_identifier::text from pg_control_system()) from sequencer",
    )
    .fetch_one(&mut *connection)
    .await?;
    if !moved {
        return Ok(());
    }
    let mut tx = sqlx::Connection::begin(connection).await?;
    sqlx::query("set local lock_timeout = '30s'").execute(&mut *tx).await?;
    sqlx::query("lock table events in share mode").execute(&mut *tx).await?;
    let adopted = sqlx::query(
        "update events e set gpos = s.gpos + b.n from sequencer s,
             (select pos, row_number() over (order by pos) as n from events where gpos is null) b
         where e.pos = b.pos",
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    sqlx::query(
        "update sequencer set gpos = gpos + $1, cluster = (select system_identifier::text from pg_control_system())",
    )
    .bind(crate::recorded::signed(adopted))
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    tracing::info!(adopted, "the log is in a new cluster");
    Ok(())
}
