use api::curriculum::{Course, EnrolRequest, GetCourseRequest, ListCoursesRequest, Stage, UnlockPolicy};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use kernel::Error;
use serde_json::{Value, json};

use crate::caller::SignedIn;
use crate::error::Problem;
use crate::rest::Named;
use crate::state::App;

/// `GET /courses`: for everyone, signed in or not.
pub async fn list(State(app): State<App>, caller: Option<SignedIn>) -> Result<Json<Value>, Problem> {
    let request = ListCoursesRequest { caller: caller.map(|SignedIn(caller)| caller) };
    let courses = app.curriculum().list_courses(request).await?.into_inner().courses;
    let courses: Vec<Value> = courses
        .into_iter()
        .map(|course| {
            json!({
                "id": course.id, "slug": course.slug, "title": course.title, "description": course.description,
                "stage_count": course.stage_count, "lesson_count": course.lesson_count, "enrolled": course.enrolled,
            })
        })
        .collect();
    Ok(Json(json!({ "courses": courses })))
}

/// `GET /courses/{course}`: the outline, for everyone.
pub async fn show(
    State(app): State<App>,
    Named(slug): Named<String>,
    caller: Option<SignedIn>,
) -> Result<Json<Value>, Problem> {
    let request = GetCourseRequest { slug, caller: caller.map(|SignedIn(caller)| caller) };
    let course =
        app.curriculum().get_course(request).await?.into_inner().course.ok_or_else(Error::internal)?;
    Ok(Json(outline(&course)))
}

/// `POST /courses/{course}/enrolment`.
pub async fn enrol(
    State(app): State<App>,
    Named(course_slug): Named<String>,
    SignedIn(caller): SignedIn,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let request = EnrolRequest { course_slug, caller: Some(caller) };
    let answer = app.curriculum().enrol(request).await?.into_inner();
    let course = answer.course.ok_or_else(Error::internal)?;
    let status = if answer.created { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(outline(&course))))
}

fn outline(course: &Course) -> Value {
    let unlock = if course.unlock() == UnlockPolicy::Open { "open" } else { "sequential" };
    json!({
        "id": course.id, "slug": course.slug, "title": course.title, "description": course.description,
        "enrolled": course.enrolled, "unlock": unlock,
        "stages": course.stages.iter().map(stage).collect::<Vec<_>>(),
        "progress": { "completed": course.lessons_completed, "total": course.lessons_total },
        "next_lesson": course.next_lesson,
    })
}

fn stage(stage: &Stage) -> Value {
    let lessons: Vec<Value> = stage
        .lessons
        .iter()
        .map(|lesson| {
            json!({
                "slug": lesson.slug, "title": lesson.title, "number": lesson.number,
                "completed": lesson.completed, "locked": lesson.locked, "exercise_count": lesson.exercise_count,
            })
        })
        .collect();
    json!({
        "ordinal": stage.ordinal, "title": stage.title, "unlocked": stage.unlocked,
        "unlocks_when": stage.unlocks_when, "lessons": lessons,
    })
}
