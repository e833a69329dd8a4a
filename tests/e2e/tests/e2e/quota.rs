use futures::future::join_all;
use intellistack_e2e::{Model, Script, System, ledger};
use serde_json::json;

use crate::support::{ask_and_be_cut_off, enrol_and_read, question};

const LIMIT: usize = 20;
const AT_ONCE: usize = 30;

#[tokio::test(flavor = "multi_thread")]
async fn of_thirty_questions_at_once_exactly_twenty_are_accepted() {
    let system = System::plan("quota").start().await;
    let student = system.student("ada@school.example").await;
    let lesson = enrol_and_read(&system, &student).await;
    assert_eq!(student.remaining().await, Some(20));

    let questions: Vec<String> = (0..AT_ONCE).map(|nth| format!("{nth}: {}", question(&lesson))).collect();
    let turns = join_all(questions.iter().map(|text| student.ask(None, text, &lesson.page))).await;

    let accepted: Vec<_> = turns.iter().filter(|turn| turn.status == 200).collect();
    assert_eq!(accepted.len(), LIMIT, "{:?}", turns.iter().map(|turn| turn.status).collect::<Vec<_>>());
    for turn in &accepted {
        assert!(turn.whole && turn.item("assistant_message").is_some(), "{turn:?}");
    }
    for refused in turns.iter().filter(|turn| turn.status != 200) {
        assert_eq!(refused.status, 429, "{refused:?}");
        let body = refused.refusal.as_ref().expect("a typed refusal");
        assert_eq!((&body["code"], &body["limit"]), (&json!("QUOTA_EXCEEDED"), &json!(20)), "{body}");
        assert_eq!(body["remaining"], 0, "{body}");
        assert!(body["resets_at"].is_string(), "{body}");
        let wait: u64 = refused.retry_after.parse().expect("Retry-After in seconds");
        assert!(wait > 23 * 3600 && wait <= 24 * 3600, "{wait}");
    }
    // Not even an empty thread is left of a refused question.
    let threads = student.chatkit("threads.list", json!({ "limit": 100 })).await.expect(200);
    assert_eq!(threads["data"].as_array().map(Vec::len), Some(LIMIT));
    assert_eq!(student.remaining().await, Some(0));

    // Another student has a quota of their own, an instructor has none.
    let other = system.student("bob@school.example").await;
    enrol_and_read(&system, &other).await;
    assert_eq!(other.remaining().await, Some(20));
    let instructor = system.signed_in("eve@school.example", "instructor").await;
    let quota = instructor.get("/api/v1/me/quota").await.expect(200);
    assert_eq!(quota, json!({ "limit": null, "remaining": null, "resets_at": null }));
    ledger::assert_nothing_lost_or_doubled(&system).await;
    system.assert_no_panic();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_gets_no_answer_costs_nothing() {
    let system = System::plan("quota_refund").start().await;
    let student = system.student("ada@school.example").await;
    let lesson = enrol_and_read(&system, &student).await;
    let model: &Model = &system.model;
    let failed = ask_and_be_cut_off(&system, &student, &lesson).await;
    assert!(failed.accepted() && failed.whole, "{failed:?}");
    let error = failed.error().expect("a typed error");
    assert!(error["message"].is_string() && error["allow_retry"] == true, "{error}");
    ledger::settled(&system).await;
    assert_eq!(student.remaining().await, Some(20));
    model.will(Script::Socratic);
    let answered = student.ask(Some(&failed.thread_id()), &question(&lesson), &lesson.page).await;
    assert!(answered.item("assistant_message").is_some(), "{answered:?}");
    ledger::settled(&system).await;
    assert_eq!(student.remaining().await, Some(19));
    ledger::assert_nothing_lost_or_doubled(&system).await;
}
