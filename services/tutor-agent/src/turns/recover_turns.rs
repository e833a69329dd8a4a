//! Turns whose process died, or whose last steps a peer kept waiting.

use std::sync::Arc;

use api::chat_thread::Item;
use api::events::tutor_agent::TurnCompleted;
use chrono::TimeDelta;
use kernel::Error;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::Turns;
use crate::domain::turn::Event as Recorded;
use crate::postgres::{State, Turn};
use crate::prompt::{estimate, remembered};

/// Turns taken at once.
const AT_ONCE: u32 = 16;
/// After a failed attempt.
const AGAIN: TimeDelta = TimeDelta::seconds(5);
const INTERRUPTED: &str = "INTERRUPTED";

impl Turns {
    /// Runs until `shutdown`.
    pub async fn recover(self: Arc<Self>, shutdown: CancellationToken) {
        let recovering = async {
            loop {
                if self.recover_once().await < AT_ONCE as usize {
                    tokio::time::sleep(self.limits.recover_every).await;
                }
            }
        };
        shutdown.run_until_cancelled(recovering).await;
    }

    /// Takes the turns whose lease has ended and brings each to its end. How many those were.
    pub(crate) async fn recover_once(&self) -> usize {
        let turns = match self.table.take_expired(self.clock.now(), AT_ONCE).await {
            Ok(turns) => turns,
            Err(error) => {
                tracing::warn!(%error, "turns cannot be recovered");
                return 0;
            }
        };
        let count = turns.len();
        futures::future::join_all(turns.iter().map(|turn| self.recover_turn(turn))).await;
        count
    }

    async fn recover_turn(&self, turn: &Turn) {
        let outcome = match turn.state {
            State::Reserving => self.give_back(turn).await,
            State::Running => self.recover_running(turn).await,
            State::Answered => {
                self.finish_answered(turn, None, self.limits.peer_patience / 4).await.map(drop)
            }
            State::Failing => {
                self.finish_failing(turn, turn.reason.as_deref().unwrap_or(INTERRUPTED), 0).await
            }
            State::Completed | State::Failed => Ok(()),
        };
        match outcome {
            Ok(()) => tracing::info!(turn = turn.id, was = ?turn.state, "recovered a turn"),
            Err(error) => {
                tracing::warn!(turn = turn.id, %error, "a turn waits for its recovery");
                if let Err(error) = self.table.release(&turn.id, self.clock.now() + AGAIN).await {
                    tracing::warn!(turn = turn.id, %error, "the turn waits for its lease to end");
                }
            }
        }
    }

    /// It never started: nobody saw anything of it.
    async fn give_back(&self, turn: &Turn) -> Result<(), Error> {
        self.quotas.refund(&turn.id, &turn.user_id, INTERRUPTED).await?;
        Ok(self.table.forget(&turn.id).await?)
    }

    async fn recover_running(&self, turn: &Turn) -> Result<(), Error> {
        match self.threads.item(&turn.user_id, &turn.thread_id, &turn.answer_id).await? {
            Some(item) => {
                self.quotas.settle(&turn.id, &turn.user_id).await?;
                self.record_end(turn, Recorded::Completed(reconstruct(turn, &item))).await?;
            }
            None => self.fail(turn, INTERRUPTED, 0).await,
        }
        Ok(())
    }
}

/// What the stored answer still tells of its turn.
fn reconstruct(turn: &Turn, item: &Item) -> TurnCompleted {
    let took = api::time(item.created_at.as_ref()).map(|at| at - turn.started_at).unwrap_or_default();
    let payload: Value = serde_json::from_slice(&item.payload_json).unwrap_or_default();
    let annotations = payload.pointer("/content/0/annotations").and_then(Value::as_array).map_or(0, Vec::len);
    let text = remembered(item).map(|message| message.text).unwrap_or_default();
    TurnCompleted {
        turn_id: turn.id.clone(),
        thread_id: turn.thread_id.clone(),
        user_id: turn.user_id.clone(),
        model: turn.model.clone(),
        response_ms: u64::try_from(took.num_milliseconds()).unwrap_or(0),
        tokens_out: estimate(text.chars().count()),
        tokens_estimated: true,
        citations: u32::try_from(annotations).unwrap_or(0),
        ..TurnCompleted::default()
    }
}
