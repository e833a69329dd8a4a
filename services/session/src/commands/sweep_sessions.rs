use std::time::Duration;

use chrono::TimeDelta;
use kernel::Error;
use tokio_util::sync::CancellationToken;

use super::revoke_session::revoke_one;
use super::{Actor, Cx};
use crate::domain::session::IMPERSONATION_ENDED;
use crate::postgres::oauth::housekeeping;
use crate::postgres::sessions;

/// Pause between two rounds.
const EVERY: Duration = Duration::from_secs(30);
/// How long the row of a session that ended is kept.
const KEEP: TimeDelta = TimeDelta::days(30);
/// Rows removed by one statement, some milliseconds' work: an open transaction holds up the
/// sequencer.
const BATCH: u32 = 500;

/// Until `shutdown`: ends impersonated sessions that outlived the administrator's, and removes the
/// rows of sessions and grants that ended long ago; their events stay. What fails is left to the next round:
/// neither decides who is let in.
pub(crate) async fn sweep_sessions(cx: Cx, shutdown: CancellationToken) {
    let rounds = async {
        loop {
            if let Err(error) = round(&cx).await {
                tracing::warn!(%error, "sessions are swept later");
            }
            tokio::time::sleep(EVERY).await;
        }
    };
    shutdown.run_until_cancelled(rounds).await;
}

async fn round(cx: &Cx) -> Result<(), Error> {
    for id in sessions::orphaned(cx.store.pool(), cx.clock.now()).await? {
        revoke_one(cx, &id, IMPERSONATION_ENDED, &Actor::system(None)).await?;
    }
    loop {
        let removed = sessions::purge(cx.store.pool(), cx.clock.now() - KEEP, BATCH).await?;
        if removed < BATCH.into() {
            break;
        }
        tracing::debug!(rows = removed, "sessions of long ago are removed");
    }
    while housekeeping::purge(cx.store.pool(), cx.clock.now(), BATCH).await? {}
    Ok(())
}
