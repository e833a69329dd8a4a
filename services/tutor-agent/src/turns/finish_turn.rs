//! The last steps of a turn. Each may be repeated, by the same process or another, without
//! anything being stored, counted or recorded twice.

use std::time::Duration;

use api::chat_thread::AddAssistantMessageRequest;
use api::events::tutor_agent::{TurnCompleted, TurnFailed};
use api::tutor_agent::turn_event::Event;
use api::tutor_agent::{AnswerStored, ThreadTitled};
use kernel::{Error, Retry};
use prost::Message as _;

use super::Turns;
use super::feed::Feed;
use crate::domain::turn::Event as Recorded;
use crate::peers::patiently;
use crate::postgres::Turn;

/// A name is worth a short wait.
const FOR_A_TITLE: Duration = Duration::from_secs(1);

impl Turns {
    /// Stores the answer, names the thread, settles the quota, records the end. The turn's
    /// outcome, for metrics.
    ///
    /// # Errors
    /// When something is away for longer than `patience`; the turn stays answered.
    pub(super) async fn finish_answered(
        &self,
        turn: &Turn,
        mut feed: Option<&mut Feed>,
        patience: Duration,
    ) -> Result<&'static str, Error> {
        let request = AddAssistantMessageRequest {
            user_id: turn.user_id.clone(),
            thread_id: turn.thread_id.clone(),
            item_id: turn.answer_id.clone(),
            payload_json: turn.answer.clone(),
        };
        let item = match patiently(patience, || self.threads.add_answer(request.clone())).await {
            Ok(item) => item,
            Err(error) if error.retry != Retry::Never => return Err(error),
            Err(error) => {
                // The thread is gone, or will never take it.
                tracing::error!(turn = turn.id, %error, "an answer was refused");
                self.fail(turn, "INTERNAL", 0).await;
                if let Some(feed) = feed {
                    feed.send(Event::Failed(api::tutor_agent::TurnFailed {
                        reason: "INTERNAL".to_owned(),
                        message: "The answer could not be saved. This message does not count.".to_owned(),
                        allow_retry: true,
                    }));
                }
                return Ok("failed");
            }
        };
        if let Some(feed) = feed.as_deref_mut() {
            feed.send(Event::AnswerStored(AnswerStored { item: Some(item) }));
        }
        self.name_thread(turn, feed).await;
        patiently(patience, || self.quotas.settle(&turn.id, &turn.user_id)).await?;
        let completed = TurnCompleted::decode(turn.completed.as_slice()).map_err(|error| {
            tracing::error!(turn = turn.id, %error, "the kept end of a turn does not decode");
            Error::internal()
        })?;
        patiently(patience, || self.record_end(turn, Recorded::Completed(completed.clone()))).await?;
        Ok("completed")
    }

    async fn name_thread(&self, turn: &Turn, feed: Option<&mut Feed>) {
        let Some(title) = &turn.title else { return };
        match patiently(FOR_A_TITLE, || self.threads.set_title(&turn.user_id, &turn.thread_id, title)).await {
            Ok(thread) => {
                if let Some(feed) = feed {
                    feed.send(Event::ThreadTitled(ThreadTitled { thread: Some(thread) }));
                }
            }
            // The next turn of the thread names it.
            Err(error) => tracing::warn!(turn = turn.id, %error, "the thread stays without a name"),
        }
    }

    /// Gives the message back and records the failure; what is away now the recovery does later.
    pub(super) async fn fail(&self, turn: &Turn, reason: &str, response_ms: u64) {
        let outcome = async {
            let failing = || async { Ok(self.table.failing(&turn.id, reason).await?) };
            if patiently(self.limits.peer_patience, failing).await? {
                self.finish_failing(turn, reason, response_ms).await
            } else {
                tracing::warn!(turn = turn.id, "another replica took the turn over");
                Ok(())
            }
        };
        if let Err(error) = outcome.await {
            tracing::warn!(turn = turn.id, %error, "the recovery will finish this turn");
            self.leave(&turn.id).await;
        }
    }

    pub(super) async fn finish_failing(
        &self,
        turn: &Turn,
        reason: &str,
        response_ms: u64,
    ) -> Result<(), Error> {
        let patience = self.limits.peer_patience / 4;
        patiently(patience, || self.quotas.refund(&turn.id, &turn.user_id, reason)).await?;
        let failed = TurnFailed {
            turn_id: turn.id.clone(),
            thread_id: turn.thread_id.clone(),
            user_id: turn.user_id.clone(),
            model: turn.model.clone(),
            reason: reason.to_owned(),
            response_ms,
        };
        patiently(patience, || self.record_end(turn, Recorded::Failed(failed.clone()))).await?;
        Ok(())
    }
}
