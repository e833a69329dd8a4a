use api::curriculum::{CompleteLessonRequest, GetLessonRequest, Lesson};
use axum::Json;
use axum::extract::State;
use kernel::Error;
use serde_json::{Value, json};

use crate::caller::SignedIn;
use crate::error::Problem;
use crate::rest::Named;
use crate::state::App;

/// `GET /courses/{course}/lessons/{lesson}`.
pub async fn show(
    State(app): State<App>,
    Named((course_slug, lesson_slug)): Named<(String, String)>,
    SignedIn(caller): SignedIn,
) -> Result<Json<Value>, Problem> {
    let request = GetLessonRequest { course_slug, lesson_slug, caller: Some(caller) };
    let lesson =
        app.curriculum().get_lesson(request).await?.into_inner().lesson.ok_or_else(Error::internal)?;
    Ok(Json(render(&lesson)))
}

/// `POST /courses/{course}/lessons/{lesson}/completion`.
pub async fn complete(
    State(app): State<App>,
    Named((course_slug, lesson_slug)): Named<(String, String)>,
    SignedIn(caller): SignedIn,
) -> Result<Json<Value>, Problem> {
    let request = CompleteLessonRequest { course_slug, lesson_slug, caller: Some(caller) };
    let done = app.curriculum().complete_lesson(request).await?.into_inner();
    let unlocked =
        done.unlocked_stage.map(|ordinal| json!({ "ordinal": ordinal, "title": done.unlocked_stage_title }));
    Ok(Json(json!({
        "completed": true,
        "unlocked_stage": unlocked,
        "progress": { "completed": done.lessons_completed, "total": done.lessons_total },
    })))
}

fn render(lesson: &Lesson) -> Value {
    let headings: Vec<Value> = lesson
        .headings
        .iter()
        .map(|heading| json!({ "level": heading.level, "text": heading.text, "anchor": heading.anchor }))
        .collect();
    let exercises: Vec<Value> = lesson
        .exercises
        .iter()
        .map(|exercise| {
            json!({
                "id": exercise.id, "title": exercise.title,
                "prompt_html": exercise.prompt_html, "expected_points": exercise.expected_points,
            })
        })
        .collect();
    json!({
        "slug": lesson.slug, "title": lesson.title, "number": lesson.number,
        "course": { "slug": lesson.course_slug, "title": lesson.course_title },
        "stage": { "ordinal": lesson.stage_ordinal, "title": lesson.stage_title },
        "html": lesson.html, "headings": headings, "exercises": exercises,
        "prev": lesson.prev.as_ref().map(|prev| json!({ "slug": prev.slug, "title": prev.title })),
        "next": lesson.next.as_ref().map(|next| json!({ "slug": next.slug, "title": next.title, "locked": next.locked })),
        "completed": lesson.completed,
    })
}
