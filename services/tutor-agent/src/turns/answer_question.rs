//! From the question to a complete answer: retrieve, remember, ask the model, check every piece.

use std::sync::Arc;
use std::time::Instant;

use api::events::tutor_agent::TurnCompleted;
use api::tutor_agent::turn_event::Event;
use api::tutor_agent::{Mode, Progress, TurnFailed};
use prost::Message as _;

use super::feed::Feed;
use super::writing::{Page, Writing};
use super::{Asked, Turns, millis};
use crate::domain::citation::payload;
use crate::guard::AnswerForms;
use crate::model::{ChatModel, ModelError};
use crate::peers::patiently;
use crate::postgres::{State, Turn};
use crate::prompt::{Prompt, Remembered, VERSION, remembered};
use crate::retrieval::{Passage, Query, RetrieveError};

/// Items of the thread that go to the model.
const REMEMBERED_ITEMS: u32 = 12;

/// A complete answer: the item's payload and what `turn.completed` will tell.
struct Written {
    payload: Vec<u8>,
    completed: TurnCompleted,
}

impl Turns {
    /// Runs the turn to its end, or until another replica took it over.
    pub(super) async fn carry_out(&self, asked: &Asked, turn: &Turn, mut feed: Feed) {
        let outcome = tokio::select! {
            outcome = self.write(asked, turn, &mut feed) => outcome,
            () = self.lose(&turn.id) => {
                tracing::warn!(turn = turn.id, "another replica took the turn over");
                return;
            }
        };
        let outcome = match outcome {
            Ok(written) => self.store(turn, written, &mut feed).await,
            Err(error) => {
                tracing::warn!(turn = turn.id, %error, "the model left an answer unfinished");
                self.fail(turn, "MODEL_UNAVAILABLE", asked.elapsed_ms()).await;
                feed.send(Event::Failed(TurnFailed {
                    reason: "MODEL_UNAVAILABLE".to_owned(),
                    message: "The tutor broke off. This message does not count; please ask again.".to_owned(),
                    allow_retry: true,
                }));
                "failed"
            }
        };
        metrics::histogram!("tutor_turn_seconds", "outcome" => outcome)
            .record(asked.begun.elapsed().as_secs_f64());
    }

    /// Returns when the turn is no longer ours.
    async fn lose(&self, turn_id: &str) {
        loop {
            tokio::time::sleep(self.limits.lease / 3).await;
            match self.table.beat(turn_id, self.clock.now()).await {
                Ok(true) => {}
                Ok(false) => return,
                // Nobody else can take it either while Postgres is away.
                Err(error) => tracing::warn!(turn = turn_id, %error, "no heartbeat"),
            }
        }
    }

    async fn write(&self, asked: &Asked, turn: &Turn, feed: &mut Feed) -> Result<Written, ModelError> {
        feed.send(Event::Progress(Progress { text: "Searching the lessons…".to_owned() }));
        let (found, history) = tokio::join!(self.retrieve(asked), self.history(asked, turn));
        let (passages, unsearched) = match found {
            Ok(passages) => (passages, false),
            Err(error) => {
                tracing::warn!(turn = turn.id, %error, "answering without the lessons");
                (Vec::new(), true)
            }
        };
        if unsearched {
            let text = "The lessons cannot be searched right now; I answer without them.";
            feed.send(Event::Progress(Progress { text: text.to_owned() }));
        }
        let secrets = self.secrets(asked, &passages).await;
        let may_use_model = secrets.is_some();
        let prompt = prompt(asked, passages, history, (secrets.unwrap_or_default(), unsearched));
        tracing::debug!(
            turn = turn.id,
            prompt = VERSION,
            passages = prompt.passages.len(),
            "asking the model"
        );
        let course_slug = asked.access.as_ref().map_or("", |access| access.course_slug.as_str());
        let mut page =
            Page { feed, answer_id: &turn.answer_id, course_slug, begun: asked.begun, now: self.clock.now() };
        let mut model: &dyn ChatModel = self.model.as_ref();
        let mut writing = Writing::new(&prompt);
        let outcome =
            if may_use_model { attempt(model, &prompt, &mut writing, &mut page).await } else { Ok(()) };
        match outcome {
            Err(error) if !writing.is_blank() => return Err(error),
            Ok(()) if !writing.is_blank() => {}
            outcome => {
                // Nothing was said yet: the offline tutor steps in.
                let error = outcome.err();
                tracing::warn!(
                    turn = turn.id,
                    may_use_model,
                    error = error.map(|error| error.to_string()),
                    "no answer from the model"
                );
                model = &self.offline;
                page.feed.send(Event::Mode(Mode { offline: true, model: model.name().to_owned() }));
                writing = Writing::new(&prompt);
                attempt(model, &prompt, &mut writing, &mut page).await?;
            }
        }
        Ok(written(asked, turn, (&prompt, &writing), model.name()))
    }

    async fn retrieve(&self, asked: &Asked) -> Result<Vec<Passage>, RetrieveError> {
        let Some(access) = &asked.access else { return Ok(Vec::new()) };
        let begun = Instant::now();
        let query = Query::new(access.stage_filter(), asked.question.search_text()).at(asked.place.clone());
        let found = self.retriever.retrieve(&query).await;
        metrics::histogram!("tutor_retrieval_seconds").record(begun.elapsed().as_secs_f64());
        // The adapters filter; whatever they do, nothing locked comes through here.
        found.map(|mut passages| {
            passages.retain(|passage| query.filter().admits(&passage.lesson_slug, passage.stage));
            passages
        })
    }

    /// Without it the answer is poorer, not wrong.
    async fn history(&self, asked: &Asked, turn: &Turn) -> Vec<Remembered> {
        if asked.question.thread_id.is_none() {
            return Vec::new();
        }
        match self.threads.recent(&turn.user_id, &turn.thread_id, REMEMBERED_ITEMS + 1).await {
            // The question itself is one of them.
            Ok(items) => {
                items.iter().filter(|item| item.id != asked.item_id).filter_map(remembered).collect()
            }
            Err(error) => {
                tracing::warn!(turn = turn.id, %error, "answering without the thread's history");
                Vec::new()
            }
        }
    }

    /// The answers of the lessons in play. `None` when they cannot be had: then no model may
    /// speak, since nothing could stop it from telling them.
    async fn secrets(&self, asked: &Asked, passages: &[Passage]) -> Option<Arc<AnswerForms>> {
        let Some(access) = &asked.access else { return Some(Arc::default()) };
        let mut lessons: Vec<&str> = passages.iter().map(|passage| passage.lesson_slug.as_str()).collect();
        lessons.extend(asked.place.as_ref().map(|place| place.lesson_slug.as_str()));
        lessons.sort_unstable();
        lessons.dedup();
        let keys = lessons.into_iter().map(|lesson| {
            patiently(self.limits.peer_patience / 4, move || self.material.answer_keys(access, lesson))
        });
        match futures::future::try_join_all(keys).await {
            Ok(keys) => Some(Arc::new(AnswerForms::new(keys.iter().flat_map(|keys| keys.iter())))),
            Err(error) => {
                tracing::warn!(%error, "the answer keys cannot be had");
                None
            }
        }
    }

    /// Keeps the answer in the row, then brings it to the thread. The turn's outcome, for metrics.
    async fn store(&self, turn: &Turn, written: Written, feed: &mut Feed) -> &'static str {
        let completed = written.completed.encode_to_vec();
        let kept = patiently(self.limits.peer_patience, || async {
            Ok(self.table.answered(&turn.id, &written.payload, &completed).await?)
        });
        match kept.await {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!(turn = turn.id, "another replica took the turn over");
                return "lost";
            }
            // The thread may still take it; the recovery finds it there.
            Err(error) => tracing::warn!(turn = turn.id, %error, "the answer could not be kept"),
        }
        let answered = Turn { state: State::Answered, answer: written.payload, completed, ..turn.clone() };
        match self.finish_answered(&answered, Some(feed), self.limits.peer_patience).await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::warn!(turn = turn.id, %error, "the recovery will finish this turn");
                self.leave(&turn.id).await;
                feed.send(Event::Failed(TurnFailed {
                    reason: error.reason.into_owned(),
                    message: "Your answer is complete but could not be saved yet. It will appear in this thread by itself."
                        .to_owned(),
                    allow_retry: false,
                }));
                "late"
            }
        }
    }
}

fn prompt(
    asked: &Asked,
    passages: Vec<Passage>,
    history: Vec<Remembered>,
    known: (Arc<AnswerForms>, bool),
) -> Prompt {
    let page = &asked.question.page;
    // A page whose lesson is locked or unknown is not where the student can be.
    let page = match (&asked.access, &asked.place) {
        (Some(access), Some(_)) => {
            let parts = [access.course_title.clone(), page.page_title.clone()];
            parts
                .into_iter()
                .chain(page.heading_path.iter().cloned())
                .filter(|part| !part.is_empty())
                .collect()
        }
        _ => Vec::new(),
    };
    Prompt {
        question: asked.question.text.clone(),
        quoted: asked.question.quoted.clone(),
        page,
        passages,
        history,
        secrets: known.0,
        unsearched: known.1,
    }
}

async fn attempt(
    model: &dyn ChatModel,
    prompt: &Prompt,
    writing: &mut Writing,
    page: &mut Page<'_>,
) -> Result<(), ModelError> {
    let answer = model.answer(prompt).await?;
    writing.take(answer, prompt, page).await
}

fn written(asked: &Asked, turn: &Turn, (prompt, writing): (&Prompt, &Writing), model: &str) -> Written {
    let first_token = writing.first_token.unwrap_or_default();
    metrics::histogram!("tutor_ttft_seconds").record(first_token.as_secs_f64());
    metrics::counter!("tutor_guard_rewrites_total").increment(u64::from(writing.rewrites()));
    let tokens = writing.tokens(prompt);
    let completed = TurnCompleted {
        turn_id: turn.id.clone(),
        thread_id: turn.thread_id.clone(),
        user_id: turn.user_id.clone(),
        model: model.to_owned(),
        response_ms: asked.elapsed_ms(),
        time_to_first_token_ms: millis(first_token),
        tokens_in: tokens.sent,
        tokens_out: tokens.received,
        tokens_estimated: tokens.estimated,
        citations: count(writing.citations.len()),
        passages_retrieved: count(prompt.passages.len()),
        guard_rewrites: writing.rewrites(),
    };
    Written { payload: payload(&writing.text, &writing.citations), completed }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
