use std::time::Duration;

use eventstore::StoreError;
use tokio_util::sync::CancellationToken;

use super::Cx;
use crate::postgres::throttles;

/// Pause between two rounds.
const EVERY: Duration = Duration::from_mins(1);

/// Keys removed by one statement, some milliseconds' work: an open transaction holds up the
/// sequencer.
const BATCH: u32 = 500;

/// Removes the keys that have run out, once a minute, until `shutdown`. What fails is left to the
/// next round: old rows decide nothing.
pub(crate) async fn purge_throttles(cx: Cx, shutdown: CancellationToken) {
    let rounds = async {
        loop {
            match purge(&cx).await {
                Ok(0) => {}
                Ok(keys) => tracing::debug!(keys, "throttles that had run out are removed"),
                Err(error) => tracing::warn!(%error, "throttles that have run out stay for now"),
            }
            tokio::time::sleep(EVERY).await;
        }
    };
    shutdown.run_until_cancelled(rounds).await;
}

async fn purge(cx: &Cx) -> Result<u64, StoreError> {
    let mut keys = 0;
    loop {
        let removed = throttles::purge(cx.store.pool(), cx.clock.now(), BATCH).await?;
        keys += removed;
        if removed < BATCH.into() {
            return Ok(keys);
        }
    }
}
