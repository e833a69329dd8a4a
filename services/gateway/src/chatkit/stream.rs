use std::time::Duration;

use api::chat_thread::{Item, Thread};
use api::tutor_agent::turn_event::Event;
use api::tutor_agent::{Citation, Quota, TurnEvent};
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures::StreamExt;
use futures::stream::{self, Stream};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tonic::Streaming;

use super::render;

/// A comment keeps proxies from closing a quiet stream; parsers skip it.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a running answer may go on once the process drains. The turn itself goes on either
/// way, and its answer is in the thread.
const DRAIN: Duration = Duration::from_secs(10);

/// A turn as server-sent events: one `data:` line each, the stream's end is the body's end.
pub fn respond(events: Streaming<TurnEvent>, draining: CancellationToken) -> Response {
    let cut = async move {
        draining.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    let frames =
        with_heartbeat(frames(events)).take_until(Box::pin(cut)).map(Ok::<_, std::convert::Infallible>);
    let mut response = Response::new(Body::from_stream(frames));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn frames(events: Streaming<TurnEvent>) -> impl Stream<Item = Bytes> + Send {
    stream::unfold(Some((events, Answer::default())), |state| async move {
        let (mut events, mut answer) = state?;
        match events.next().await {
            Some(Ok(event)) => {
                let text: String = answer.frames(event).iter().map(frame).collect();
                Some((Bytes::from(text), Some((events, answer))))
            }
            Some(Err(status)) => {
                tracing::warn!(code = ?status.code(), "the turn's stream broke off");
                let text = frame(&json!({ "type": "error", "code": "stream.error", "allow_retry": true }));
                Some((Bytes::from(text), None))
            }
            None => None,
        }
    })
}

fn with_heartbeat(frames: impl Stream<Item = Bytes> + Send) -> impl Stream<Item = Bytes> + Send {
    stream::unfold(Box::pin(frames), |mut frames| async move {
        match tokio::time::timeout(HEARTBEAT, frames.next()).await {
            Ok(frame) => frame.map(|frame| (frame, frames)),
            Err(_) => Some((Bytes::from_static(b": still here\n\n"), frames)),
        }
    })
}

fn frame(event: &Value) -> String {
    format!("data: {event}\n\n")
}

/// What must be remembered between the events of one answer.
#[derive(Debug, Default)]
struct Answer {
    thread_id: String,
    item_id: String,
    citations: u32,
}

impl Answer {
    fn frames(&mut self, event: TurnEvent) -> Vec<Value> {
        let Some(event) = event.event else { return Vec::new() };
        match event {
            Event::UserMessage(stored) => {
                let (Some(thread), Some(item)) = (stored.thread, stored.item) else { return Vec::new() };
                self.thread_id.clone_from(&thread.id);
                user_message(&thread, &item, stored.thread_created)
            }
            Event::Quota(quota) => vec![quota_effect(&quota)],
            Event::Mode(mode) => {
                let name = if mode.offline { "offline" } else { "model" };
                vec![json!({ "type": "client_effect", "name": "tutor", "data": { "mode": name, "model": mode.model } })]
            }
            Event::Progress(progress) => vec![json!({ "type": "progress_update", "text": progress.text })],
            Event::AnswerStarted(started) => {
                self.item_id = started.item_id;
                let at = api::millis(started.created_at.as_ref());
                self.started(&at)
            }
            Event::TextDelta(text) => vec![self.update(json!({
                "type": "assistant_message.content_part.text_delta", "content_index": 0, "delta": text.delta,
            }))],
            Event::Citation(citation) => vec![self.cited(&citation)],
            Event::AnswerStored(stored) => stored.item.map(|item| self.done(&item)).unwrap_or_default(),
            Event::ThreadTitled(titled) => titled
                .thread
                .map(|thread| json!({ "type": "thread.updated", "thread": render::thread(&thread, render::empty_page()) }))
                .into_iter()
                .collect(),
            Event::Failed(failed) => vec![json!({
                "type": "error", "code": "custom", "message": failed.message, "allow_retry": failed.allow_retry,
            })],
        }
    }

    fn started(&self, created_at: &str) -> Vec<Value> {
        let item = json!({
            "id": self.item_id, "thread_id": self.thread_id, "created_at": created_at,
            "type": "assistant_message", "content": [],
        });
        let part = json!({ "type": "output_text", "text": "", "annotations": [] });
        let added = json!({
            "type": "assistant_message.content_part.added", "content_index": 0, "content": part,
        });
        vec![json!({ "type": "thread.item.added", "item": item }), self.update(added)]
    }

    fn cited(&mut self, citation: &Citation) -> Value {
        let index = self.citations;
        self.citations += 1;
        self.update(json!({
            "type": "assistant_message.content_part.annotation_added",
            "content_index": 0,
            "annotation_index": index,
            "annotation": {
                "type": "annotation",
                "index": citation.index,
                "source": {
                    "type": "url", "title": citation.title,
                    "description": citation.description, "url": citation.url,
                },
            },
        }))
    }

    /// The stored item is authoritative: what a reload shows is what the stream ends with.
    fn done(&self, item: &Item) -> Vec<Value> {
        let item = render::item(item);
        let part = item.pointer("/content/0").cloned();
        let part = part.map(|part| {
            self.update(json!({
                "type": "assistant_message.content_part.done", "content_index": 0, "content": part,
            }))
        });
        part.into_iter().chain([json!({ "type": "thread.item.done", "item": item })]).collect()
    }

    fn update(&self, update: Value) -> Value {
        json!({ "type": "thread.item.updated", "item_id": self.item_id, "update": update })
    }
}

fn user_message(thread: &Thread, item: &Item, created: bool) -> Vec<Value> {
    let created = created
        .then(|| json!({ "type": "thread.created", "thread": render::thread(thread, render::empty_page()) }));
    let item = json!({ "type": "thread.item.done", "item": render::item(item) });
    // A turn runs to its end and is stored whether anyone reads on or not, so the client must not
    // offer to stop it.
    let options = json!({ "type": "stream_options", "stream_options": { "allow_cancel": false } });
    created.into_iter().chain([item, options]).collect()
}

fn quota_effect(quota: &Quota) -> Value {
    json!({
        "type": "client_effect",
        "name": "quota",
        "data": {
            "limit": quota.limit,
            "remaining": quota.remaining,
            "resets_at": quota.resets_at.as_ref().and_then(|at| api::millis_opt(Some(at))),
        },
    })
}

#[cfg(test)]
mod tests {
    use api::chat_thread::ItemKind;
    use api::tutor_agent::{AnswerStarted, AnswerStored, TextDelta, UserMessageStored};

    use super::*;

    fn types(answer: &mut Answer, event: Event) -> Vec<String> {
        let frames = answer.frames(TurnEvent { turn_id: "t".into(), seq: 1, event: Some(event) });
        frames
            .iter()
            .map(|frame| {
                let update = frame.pointer("/update/type").and_then(Value::as_str);
                update.or_else(|| frame["type"].as_str()).unwrap_or_default().to_owned()
            })
            .collect()
    }

    fn item(id: &str, kind: ItemKind, payload: &str) -> Item {
        Item {
            id: id.into(),
            thread_id: "thr_1".into(),
            kind: kind.into(),
            payload_json: payload.into(),
            ..Item::default()
        }
    }

    #[test]
    fn the_events_of_an_answer_come_in_the_order_of_the_protocol() {
        let mut answer = Answer::default();
        let thread = Thread { id: "thr_1".into(), ..Thread::default() };
        let user = item("msg_1", ItemKind::UserMessage, r#"{"content":[]}"#);
        let stored = UserMessageStored { thread: Some(thread), item: Some(user), thread_created: true };
        assert_eq!(
            types(&mut answer, Event::UserMessage(stored)),
            ["thread.created", "thread.item.done", "stream_options"]
        );
        let started = AnswerStarted { item_id: "msg_2".into(), created_at: None };
        assert_eq!(
            types(&mut answer, Event::AnswerStarted(started)),
            ["thread.item.added", "assistant_message.content_part.added"]
        );
        let delta = Event::TextDelta(TextDelta { delta: "What".into() });
        assert_eq!(types(&mut answer, delta), ["assistant_message.content_part.text_delta"]);
        let done = item(
            "msg_2",
            ItemKind::AssistantMessage,
            r#"{"content":[{"type":"output_text","text":"What"}]}"#,
        );
        assert_eq!(
            types(&mut answer, Event::AnswerStored(AnswerStored { item: Some(done) })),
            ["assistant_message.content_part.done", "thread.item.done"]
        );
    }

    #[test]
    fn a_frame_is_one_data_line_and_an_empty_one() {
        let text = frame(&json!({ "type": "progress_update", "text": "two\nlines" }));
        assert!(text.starts_with("data: {") && text.ends_with("}\n\n"));
        assert_eq!(text.trim_end().lines().count(), 1);
    }
}
