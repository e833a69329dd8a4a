//! What several tests need of a course.

use intellistack_e2e::{Answer, Script, Student, System, Turn};
use serde_json::{Value, json};

/// A lesson as a student got it.
#[derive(Debug, Clone)]
pub struct Lesson {
    pub title: String,
    /// The page context that the web app would send.
    pub page: Value,
}

pub fn lesson_path(course: &str, lesson: &str) -> String {
    format!("/api/v1/courses/{course}/lessons/{lesson}")
}

pub async fn outline(student: &Student, course: &str) -> Value {
    student.get(&format!("/api/v1/courses/{course}")).await.expect(200)
}

/// Slugs of every lesson in order, and whether each is locked.
pub fn lessons(outline: &Value) -> Vec<(String, bool)> {
    let stages = outline["stages"].as_array().expect("stages");
    let lessons = stages.iter().flat_map(|stage| stage["lessons"].as_array().expect("lessons"));
    lessons
        .map(|lesson| (lesson["slug"].as_str().expect("a slug").to_owned(), lesson["locked"] == true))
        .collect()
}

pub async fn read(student: &Student, course: &str, slug: &str) -> Lesson {
    let lesson = student.get(&lesson_path(course, slug)).await.expect(200);
    let title = lesson["title"].as_str().expect("a title").to_owned();
    let heading = &lesson["headings"][0];
    Lesson {
        page: json!({
            "course": course, "lesson": slug,
            "page_url": format!("/courses/{course}/lessons/{slug}"), "page_title": title,
            "heading_path": [heading["text"]], "heading_anchor": heading["anchor"],
        }),
        title,
    }
}

/// Enrols and answers the first lesson that has an exercise, else the first.
pub async fn enrol_and_read(system: &System, student: &Student) -> Lesson {
    let answer = student.enrol(system.course()).await;
    assert!(matches!(answer.status.as_u16(), 200 | 201), "{}", answer.text());
    let open: Vec<String> =
        lessons(&answer.json()).into_iter().filter(|(_, locked)| !locked).map(|(slug, _)| slug).collect();
    let first = open.first().expect("an open lesson");
    read(student, system.course(), first).await
}

/// A question that the lesson answers.
pub fn question(lesson: &Lesson) -> String {
    format!("I do not understand {}: how does it work, and why?", lesson.title)
}

/// A typed refusal of the REST interface (RFC 9457).
#[track_caller]
pub fn assert_problem(answer: &Answer, status: u16, reason: &str) {
    let body = answer.expect(status);
    assert_eq!(body["reason"], reason, "{body}");
    assert_eq!(answer.header("content-type"), "application/problem+json", "{body}");
    assert_eq!(body["status"], status, "{body}");
    assert_eq!(body["type"], format!("/errors/{}", reason.to_lowercase().replace('_', "-")), "{body}");
    assert!(body["title"].is_string() && body["detail"].is_string(), "{body}");
    assert_eq!(body["trace_id"].as_str().map(str::len), Some(32), "{body}");
}

/// A typed refusal of `/api/auth` and of ChatKit: both have `code` and `message`.
#[track_caller]
pub fn assert_code(answer: &Answer, status: u16, code: &str) {
    let body = answer.expect(status);
    assert_eq!(body["code"], code, "{body}");
    assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{body}");
    assert!(answer.header("content-type").starts_with("application/json"), "{body}");
}

/// A question whose answer breaks off once its beginning has been seen.
pub async fn ask_and_be_cut_off(system: &System, student: &Student, lesson: &Lesson) -> Turn {
    system.model.will(Script::Cut);
    let request = student.question(None, &question(lesson), &lesson.page);
    let response = request.send().await.expect("an answer");
    Turn::read_until(response, |event| {
        if event["update"]["type"] == "assistant_message.content_part.text_delta" {
            system.model.release();
        }
        false
    })
    .await
}
