use std::collections::BTreeMap;

use intellistack_e2e::{Script, System, ledger};
use serde_json::Value;
use sqlx::AssertSqlSafe;

use crate::support::{lessons, outline, question, read};

/// A shorter key is a word that any text may contain.
const TELLING: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_key_reaches_a_student_not_even_when_the_model_says_it() {
    let system = System::plan("answer_keys").open_course().message_limit(1_000).start().await;
    let keys = answer_keys(&system).await;
    let student = system.student("ada@school.example").await;
    student.enrol(system.course()).await.expect(201);

    // Everything a student can read.
    let mut seen = vec![student.get("/api/v1/courses").await.text()];
    let course = outline(&student, system.course()).await;
    seen.push(course.to_string());
    let mut with_exercises = Vec::new();
    for (slug, locked) in lessons(&course) {
        assert!(!locked, "{slug} is open");
        let path = format!("/api/v1/courses/{}/lessons/{slug}", system.course());
        let lesson = student.get(&path).await.expect(200);
        if lesson["exercises"].as_array().is_some_and(|exercises| !exercises.is_empty()) {
            with_exercises.push(slug.clone());
        }
        for image in images(lesson["html"].as_str().expect("html")) {
            seen.push(student.get(&image).await.text());
        }
        seen.push(student.post(&format!("{path}/completion"), &Value::Null).await.text());
        seen.push(lesson.to_string());
    }
    assert!(with_exercises.len() > 3, "the course has exercises: {with_exercises:?}");
    for text in &seen {
        assert_silent(text, &keys, "a page");
        assert_silent(&without_tags(text), &keys, "a page's text");
    }

    // A model that knows every key and says it, word by word.
    for slug in with_exercises {
        let lesson = read(&student, system.course(), &slug).await;
        let mine: Vec<&str> =
            keys.values().filter(|(owner, _)| *owner == slug).map(|(_, key)| key.as_str()).collect();
        let asked_before = system.model.requests().len();
        for key in &mine {
            system.model.will(Script::Say(format!("Easy. The answer is: {key}\n\nShall we go on [1]?")));
            let turn = student.ask(None, &question(&lesson), &lesson.page).await;
            assert!(turn.whole, "{slug}: {turn:?}");
            let stored = student.items(&turn.thread_id()).await;
            assert_silent(&turn.streamed_text(), &keys, &slug);
            assert_silent(&Value::from(turn.events.clone()).to_string(), &keys, &slug);
            assert_silent(&Value::from(stored).to_string(), &keys, &slug);
            assert!(!turn.streamed_text().trim().is_empty(), "{slug}: something is said instead");
        }
        // The prompt does not hold what the model must not say.
        for request in system.model.requests().iter().skip(asked_before) {
            assert_silent(&request.to_string(), &keys, "the prompt");
        }
    }
    ledger::assert_nothing_lost_or_doubled(&system).await;
    system.assert_no_panic();
}

/// Exercise to lesson and key, of the keys that are longer than a word or two.
async fn answer_keys(system: &System) -> BTreeMap<String, (String, String)> {
    let query = "select exercise_id, lesson_slug, answer_key from curriculum.answer_keys".to_owned();
    let rows: Vec<(String, String, String)> = sqlx::query_as(AssertSqlSafe(query))
        .fetch_all(&system.postgres.pool())
        .await
        .expect("read the answer keys");
    assert!(rows.len() > 10, "the course has exercises: {}", rows.len());
    let telling = rows.into_iter().filter(|(_, _, key)| words(key).len() >= TELLING);
    telling.map(|(id, lesson, key)| (id, (lesson, key))).collect()
}

#[track_caller]
fn assert_silent(text: &str, keys: &BTreeMap<String, (String, String)>, place: &str) {
    let text = format!(" {} ", words(text).join(" "));
    for (exercise, (_, key)) in keys {
        let key = words(key).join(" ");
        assert!(!text.contains(&format!(" {key} ")), "{place} tells the key of {exercise}: {key}");
    }
}

/// Words as they stand in JSON, in Markdown and in a page alike.
fn words(text: &str) -> Vec<String> {
    let plain = text.replace("\\n", " ").replace("\\\"", "\"");
    plain
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// The text of a page, without its tags.
fn without_tags(html: &str) -> String {
    let mut pieces = html.split('<');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        text.push_str(piece.split_once('>').map_or(piece, |(_, rest)| rest));
    }
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}

fn images(html: &str) -> Vec<String> {
    html.split("src=\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
}
