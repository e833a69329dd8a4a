use intellistack_e2e::{Browser, PASSWORD, SERVICES, Script, System, ledger};
use serde_json::json;

const EMAIL: &str = "ada@school.example";
const LIMIT: usize = 20;

/// The whole story of a student, in a browser, with every process killed once in the middle.
#[tokio::test(flavor = "multi_thread")]
async fn a_student_gets_from_signing_up_to_a_cited_answer_while_every_process_is_killed_once() {
    let mut system = System::plan("main_path").one_process_per_service().start().await;
    let mut browser = Browser::open(&system.settings, system.api.origin(), system.folder());

    let account = json!({ "name": "Ada", "email": EMAIL, "password": PASSWORD });
    browser.step("signUp", account.clone()).await;
    browser.step("screenshot", json!({ "name": "1-check-mail" })).await;
    let link = system.mail.first_to(EMAIL).await.link();
    assert!(link.starts_with(&format!("{}/api/auth/verify-email?token=", system.api.origin())), "{link}");
    let verified = browser.step("followLink", json!({ "link": link })).await;
    assert_eq!(verified["url"], format!("{}/verified", system.api.origin()));
    browser.step("signOut", json!({})).await;
    browser.step("signIn", account.clone()).await;

    let courses = system.api.get("/api/v1/courses").await.expect(200);
    let course =
        courses["courses"].as_array().expect("courses").iter().find(|one| one["slug"] == system.course());
    let course = course.expect("the sample course").clone();
    let lesson = browser.step("openFirstLesson", json!({ "title": course["title"] })).await;
    browser.step("screenshot", json!({ "name": "2-lesson" })).await;
    let title = lesson["text"].as_str().expect("text").lines().next().expect("a title").to_owned();

    let question = format!("I do not understand {title}: how does it work?");
    system.model.will(Script::Hold);
    let part = browser.step("askAndSeeItGrow", json!({ "text": question })).await;
    let part = part["text"].as_str().expect("text").to_owned();
    system.model.release();
    let answer = browser.step("finishedAnswer", json!({})).await;
    system.model.will(Script::Socratic);
    browser.step("screenshot", json!({ "name": "3-answer" })).await;
    assert_eq!(answer["state"], "done", "{answer}");
    assert_eq!(answer["problem"], json!(null), "{answer}");
    let text = answer["text"].as_str().expect("text");
    assert!(text.contains("What does the lesson say the next step depends on"), "{answer}");
    assert!(text.starts_with(&part) && part.len() < text.len(), "it was streamed: {part:?} {answer}");
    let citation = answer["citations"][0]["href"].as_str().expect("a citation");
    assert!(citation.starts_with(&format!("/courses/{}/lessons/", system.course())), "{answer}");
    assert!(citation.contains('#'), "a citation names the heading: {answer}");

    let shown = browser.step("reload", json!({})).await;
    assert_eq!(shown["messages"].as_array().map(Vec::len), Some(2), "{shown}");
    assert_eq!(shown["messages"][0]["text"], question, "{shown}");
    assert!(
        shown["messages"][1]["text"].as_str().is_some_and(|shown| text.starts_with(shown)),
        "{shown} {text}"
    );
    let followed = browser.step("followCitation", json!({})).await;
    assert_ne!(followed["heading"], "", "{followed}");

    // The middle: each process in turn, and a question after each.
    let mut asked = 1;
    for service in SERVICES {
        system.kill(service);
        system.restart(service).await;
        asked += 1;
        let answer = browser.step("ask", json!({ "text": format!("Question {asked}: {question}") })).await;
        assert_eq!(answer["state"], "done", "after {service} was killed: {answer}");
        assert_eq!(answer["problem"], json!(null), "after {service} was killed: {answer}");
    }
    let shown = browser.step("reload", json!({})).await;
    assert_eq!(shown["messages"].as_array().map(Vec::len), Some(2 * asked), "{shown}");

    while asked < LIMIT {
        asked += 1;
        let answer = browser.step("ask", json!({ "text": format!("Question {asked}: {question}") })).await;
        assert_eq!(answer["state"], "done", "{answer}");
    }
    one_more_is_refused(&mut browser).await;
    browser.step("signOut", json!({})).await;

    admin_sees_the_rows(&system, &mut browser).await;
    let complaints = browser.step("complaints", json!({})).await;
    assert_eq!(complaints["complaints"], json!([]));
    ledger::assert_nothing_lost_or_doubled(&system).await;
    system.assert_no_panic();
}

async fn one_more_is_refused(browser: &mut Browser) {
    let exhausted = browser.step("exhausted", json!({})).await;
    browser.step("screenshot", json!({ "name": "4-exhausted" })).await;
    assert_eq!(exhausted["disabled"], true, "{exhausted}");
    let body = json!({ "type": "threads.create", "params": { "input": {
        "content": [{ "type": "input_text", "text": "One more?" }], "attachments": [], "inference_options": {},
    } } });
    let refused = browser.step("askAnyway", json!({ "body": body })).await;
    assert_eq!(
        (&refused["status"], &refused["body"]["code"]),
        (&json!(429), &json!("QUOTA_EXCEEDED")),
        "{refused}"
    );
    assert_eq!(
        (&refused["body"]["limit"], &refused["body"]["remaining"]),
        (&json!(20), &json!(0)),
        "{refused}"
    );
    assert!(refused["body"]["resets_at"].is_string() && refused["retryAfter"].is_string(), "{refused}");
}

async fn admin_sees_the_rows(system: &System, browser: &mut Browser) {
    let admin = "root@school.example";
    system.create_user(admin, "admin");
    ledger::settled(system).await;
    browser.step("signIn", json!({ "email": admin, "password": PASSWORD })).await;
    let seen = browser.step("adminPage", json!({ "email": EMAIL })).await;
    browser.step("screenshot", json!({ "name": "5-admin" })).await;
    let events = seen["events"].as_array().expect("rows");
    for wanted in ["user.registered", "user.email_verified", "user.signed_in"] {
        assert!(events.iter().any(|row| row[1] == wanted && row[2] == EMAIL), "{wanted}: {events:?}");
    }
    let usage = seen["usage"].as_array().expect("rows");
    assert_eq!(usage.len(), 1, "{usage:?}");
    assert_eq!((&usage[0][2], &usage[0][3]), (&json!("20"), &json!("0 (0.0 %)")), "{usage:?}");
}
