use std::time::Duration;

use eventstore::StoreError;
use eventstore::sealing::Vault;
use kernel::{Error, UserId};
use tokio_util::sync::CancellationToken;

use super::revoke_session::revoke;
use super::{Actor, Cx};
use crate::postgres::endings::{self, Ending};
use crate::postgres::oauth::grants;
use crate::postgres::sessions::{self, Which};

/// Pause between two looks at what is noted.
const POLL: Duration = Duration::from_millis(250);
const BATCH: u32 = 50;

/// Revokes what identity has ended, until `shutdown`. Every replica does; what another has done
/// is nothing to do. An ending that fails is tried again at the next look, for ever, and holds up
/// no other.
pub(crate) async fn end_sessions(cx: Cx, shutdown: CancellationToken) {
    let rounds = async {
        loop {
            if let Err(error) = round(&cx).await {
                tracing::warn!(%error, "sessions that identity has ended are revoked later");
            }
            tokio::time::sleep(POLL).await;
        }
    };
    shutdown.run_until_cancelled(rounds).await;
}

async fn round(cx: &Cx) -> Result<(), StoreError> {
    let mut after = 0;
    loop {
        let noted = endings::next(cx.store.pool(), after, BATCH).await?;
        let Some(last) = noted.last() else { return Ok(()) };
        after = last.position;
        for ending in &noted {
            let outcome = if ending.erase { erase(cx, ending).await } else { end(cx, ending).await };
            if let Err(error) = outcome {
                tracing::error!(%error, position = ending.position, "sessions are not ended yet");
            }
        }
    }
}

async fn end(cx: &Cx, ending: &Ending) -> Result<(), Error> {
    revoke_all(cx, ending).await?;
    endings::done(cx.store.pool(), ending.position).await?;
    Ok(())
}

/// The sessions end as all sessions do, then nothing that was sealed for the person opens any more.
async fn erase(cx: &Cx, ending: &Ending) -> Result<(), Error> {
    revoke_all(cx, ending).await?;
    let mut tx = cx.store.pool().begin().await.map_err(StoreError::from)?;
    sessions::erase(&mut tx, &ending.user_id).await?;
    grants::erase(&mut tx, &ending.user_id).await?;
    Vault::destroy(&mut tx, ending.user_id.as_str()).await?;
    endings::done(&mut *tx, ending.position).await?;
    tx.commit().await.map_err(StoreError::from)?;
    Ok(())
}

async fn revoke_all(cx: &Cx, ending: &Ending) -> Result<(), Error> {
    let which = ending.below_epoch.map_or(Which::All, Which::Below);
    let user: &UserId = &ending.user_id;
    let ids = sessions::ids_of(cx.store.pool(), user, which, cx.clock.now()).await?;
    let actor = Actor::system(ending.actor.clone());
    for id in ids.into_iter().filter(|id| Some(id.as_str()) != ending.spared.as_deref()) {
        revoke(cx, &id, &ending.reason, &actor).await?;
    }
    Ok(())
}
