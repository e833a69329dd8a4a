//! StartTurn: check, reserve, record, store the question, then go on without the caller.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::chat_thread::AddUserMessageRequest;
use api::events::tutor_agent::TurnStarted;
use api::rate_limit::QuotaState;
use api::tutor_agent::turn_event::Event;
use api::tutor_agent::{Mode, Quota, StartTurnRequest, UserMessageStored};
use kernel::{Error, ErrorCode, ItemId, ThreadId, TurnId};
use tokio::sync::oneshot;

use super::feed::{Events, Feed};
use super::{Asked, Turns};
use crate::domain::question::Question;
use crate::domain::title::title_of;
use crate::peers::patiently;
use crate::postgres::{State, Turn};
use crate::retrieval::Place;

/// The caller waits for the first event no longer than this for a peer to come back.
const WHILE_CALLER_WAITS: Duration = Duration::from_secs(2);

impl Turns {
    /// # Errors
    /// Whatever keeps the turn from its first event; nothing stays reserved then.
    pub async fn start(self: &Arc<Self>, request: StartTurnRequest) -> Result<Events, Error> {
        let (asked, title) = self.check(Question::check(request)?).await?;
        let (begun, begins) = oneshot::channel();
        let turns = Arc::clone(self);
        // From here on something may be reserved: the caller may hang up, the turn may not.
        let interrupt = self.interrupt.clone();
        let job = async move {
            interrupt.run_until_cancelled(Box::pin(turns.run(asked, title, begun))).await;
        };
        runtime::spawn("turn", self.jobs.track_future(job));
        begins.await.unwrap_or_else(|_| Err(Error::internal()))
    }

    /// Looks, but changes nothing. Also answers the thread's name to be, if it has none.
    async fn check(&self, question: Question) -> Result<(Asked, Option<String>), Error> {
        let page = &question.page;
        let begun = Instant::now();
        let access = if page.course_slug.is_empty() {
            None
        } else {
            Some(self.material.access(&page.course_slug, &question.caller).await?)
        };
        let lesson = access.as_ref().and_then(|access| access.open_lesson(&page.lesson_slug));
        let place = lesson.map(|lesson_slug| Place { lesson_slug, anchor: page.heading_anchor.clone() });
        let named = match &question.thread_id {
            Some(thread) => !self.threads.thread(&question.caller.user_id, thread).await?.title.is_empty(),
            None => false,
        };
        let title = (!named).then(|| title_of(&question.text));
        let item_id = ItemId::generate(self.entropy.as_ref()).into_string();
        Ok((Asked { question, item_id, access, place, begun }, title))
    }

    async fn run(&self, asked: Asked, title: Option<String>, begun: oneshot::Sender<Result<Events, Error>>) {
        let turn = self.new_turn(&asked, title);
        match self.begin(&asked, &turn).await {
            Ok((feed, events)) => {
                if begun.send(Ok(events)).is_err() {
                    tracing::debug!(turn = turn.id, "the caller hung up before the first event");
                }
                self.carry_out(&asked, &turn, feed).await;
            }
            Err(error) => {
                if begun.send(Err(error)).is_err() {
                    tracing::debug!(turn = turn.id, "the caller hung up before the refusal");
                }
            }
        }
    }

    fn new_turn(&self, asked: &Asked, title: Option<String>) -> Turn {
        let id = TurnId::generate(self.entropy.as_ref()).into_string();
        let new_thread = || ThreadId::generate(self.entropy.as_ref()).into_string();
        Turn {
            answer_id: format!("msg_{}", id.trim_start_matches("trn_")),
            user_id: asked.question.caller.user_id.clone(),
            thread_id: asked.question.thread_id.clone().unwrap_or_else(new_thread),
            model: self.model.name().to_owned(),
            state: State::Reserving,
            reason: None,
            title,
            answer: Vec::new(),
            completed: Vec::new(),
            started_at: self.clock.now(),
            id,
        }
    }

    async fn begin(&self, asked: &Asked, turn: &Turn) -> Result<(Feed, Events), Error> {
        let quota = self.reserve(asked, turn).await?;
        if let Err(error) = self.record_start(turn, started(asked, turn)).await {
            // Perhaps it was recorded and only the answer got lost: the recovery looks.
            self.leave(&turn.id).await;
            return Err(error);
        }
        let request = AddUserMessageRequest {
            user_id: turn.user_id.clone(),
            thread_id: asked.question.thread_id.clone(),
            new_thread_id: turn.thread_id.clone(),
            item_id: asked.item_id.clone(),
            payload_json: asked.question.payload.clone(),
            course_slug: asked.access.as_ref().map(|access| access.course_slug.clone()).unwrap_or_default(),
        };
        let stored = patiently(WHILE_CALLER_WAITS, || self.threads.add_question(request.clone())).await;
        let stored = match stored {
            Ok(stored) => stored,
            Err(error) => {
                self.fail(turn, "INTERNAL", asked.elapsed_ms()).await;
                return Err(error);
            }
        };
        let (mut feed, events) = Feed::new(&turn.id);
        feed.send(Event::UserMessage(UserMessageStored {
            thread: stored.thread,
            item: stored.item,
            thread_created: stored.thread_created,
        }));
        feed.send(Event::Quota(Quota {
            limit: quota.limit,
            remaining: quota.remaining,
            resets_at: quota.resets_at,
        }));
        feed.send(Event::Mode(Mode { offline: self.model.is_offline(), model: turn.model.clone() }));
        Ok((feed, events))
    }

    /// The row comes first: were the process to die after the reservation, the recovery would
    /// find the row and give the message back.
    async fn reserve(&self, asked: &Asked, turn: &Turn) -> Result<QuotaState, Error> {
        self.table.insert(turn).await?;
        let error = match self.quotas.reserve(&turn.id, &asked.question.caller).await {
            Ok(quota) => return Ok(quota),
            Err(error) => error,
        };
        let unclear =
            matches!(error.code, ErrorCode::Unavailable | ErrorCode::DeadlineExceeded | ErrorCode::Internal);
        if unclear {
            self.leave(&turn.id).await;
        } else if let Err(error) = self.table.forget(&turn.id).await {
            tracing::warn!(turn = turn.id, %error, "the recovery forgets this turn later");
        }
        Err(error)
    }

    /// To the recovery, at once.
    pub(super) async fn leave(&self, turn_id: &str) {
        if let Err(error) = self.table.release(turn_id, self.clock.now()).await {
            tracing::warn!(turn = turn_id, %error, "the turn waits for its lease to end");
        }
    }
}

fn started(asked: &Asked, turn: &Turn) -> TurnStarted {
    TurnStarted {
        turn_id: turn.id.clone(),
        thread_id: turn.thread_id.clone(),
        user_id: turn.user_id.clone(),
        role: asked.question.caller.role().to_kernel().to_string(),
        course_id: asked.access.as_ref().map(|access| access.course_id.clone()).unwrap_or_default(),
        lesson_slug: asked.place.as_ref().map(|place| place.lesson_slug.clone()).unwrap_or_default(),
        model: turn.model.clone(),
    }
}
