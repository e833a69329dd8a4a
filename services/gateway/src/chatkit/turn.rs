use api::common::Caller;
use api::tutor_agent::{PageContext, StartTurnRequest};
use axum::response::Response;

use super::error::ChatError;
use super::request::Turn;
use super::stream;
use crate::state::App;

/// Starts a turn and streams it. The tutor reports every refusal before its first event, so it is
/// still a plain HTTP error here.
pub async fn start(app: &App, caller: Caller, turn: Turn) -> Result<Response, ChatError> {
    let request = StartTurnRequest {
        caller: Some(caller),
        thread_id: turn.thread_id,
        text: turn.text,
        quoted_text: turn.quoted_text,
        page: Some(PageContext {
            course_slug: turn.page.course,
            lesson_slug: turn.page.lesson,
            page_url: turn.page.page_url,
            page_title: turn.page.page_title,
            heading_path: turn.page.heading_path,
            heading_anchor: turn.page.heading_anchor,
        }),
        user_payload_json: serde_json::to_vec(&turn.payload).unwrap_or_default(),
    };
    let events = app.tutor().start_turn(request).await?.into_inner();
    Ok(stream::respond(events, app.draining.clone()))
}
