use std::time::Duration;

use intellistack_e2e::{Answer, Student, System, eventually, ledger, within};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{enrol_and_read, question};

const RECOVERY: Duration = Duration::from_secs(45);

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_it_says_so_and_recovers_without_a_restart() {
    let mut system = System::plan("degrade_postgres").own_postgres().start().await;
    let student = system.student("ada@school.example").await;
    let lesson = enrol_and_read(&system, &student).await;
    let token = student.access_token().await;
    let mut unseen = student.clone();
    unseen.sign_in().await.expect(200);
    student.ask(None, &question(&lesson), &lesson.page).await;
    let process = system.process("all").id();

    system.postgres.stop().await;
    let failing = degraded(&system).await;
    for service in
        ["identity", "session", "curriculum", "chat-thread", "rate-limit", "tutor-agent", "usage-metrics"]
    {
        assert!(failing.contains(&format!("{service}/postgres")), "{service} in {failing:?}");
    }
    assert!(!failing.iter().any(|check| check.ends_with("/nats")), "NATS is there: {failing:?}");
    // Alive all the while; every answer typed.
    system.api.get("/healthz").await.expect(200);
    for path in ["/api/v1/courses", "/api/v1/me/quota"] {
        assert_unavailable(&student.get(path).await, "reason");
    }
    let with_token = system
        .api
        .request(Method::GET, "/api/v1/me/quota")
        .header("authorization", format!("Bearer {token}"));
    assert_unavailable(&Answer::of(with_token).await, "reason");
    let asked = student.ask(None, &question(&lesson), &lesson.page).await;
    assert_eq!(asked.status, 503, "refused before the stream begins: {asked:?}");
    assert!(asked.refusal.expect("a typed refusal")["code"].is_string());
    let mut newcomer = Student::new(&system.api, "bob@school.example");
    assert_unavailable(&newcomer.sign_up().await, "code");
    // Who was here a moment ago is still known, unless a busy machine holds the gateway's questions to
    // the bus up for a moment; a stranger's cookie cannot be looked up.
    let known = eventually("who was here is known", || async {
        let answer = student.get("/api/auth/get-session").await;
        (answer.status == 200).then(|| answer.json())
    });
    assert_eq!(known.await["user"]["email"], student.email);
    assert_unavailable(&unseen.get("/api/auth/get-session").await, "code");

    system.postgres.restart().await;
    recovered(&system).await;
    assert_eq!(system.process("all").id(), process);
    let turn = within(RECOVERY, "questions are answered again", || async {
        let turn = student.ask(None, &question(&lesson), &lesson.page).await;
        (turn.status == 200).then_some(turn)
    })
    .await;
    assert!(turn.item("assistant_message").is_some(), "{turn:?}");
    newcomer.sign_up().await.expect(200);
    system.mail.first_to(&newcomer.email).await;
    ledger::assert_nothing_lost_or_doubled(&system).await;
    system.assert_no_panic();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_nats_work_goes_on_and_its_events_arrive_later() {
    let mut system = System::plan("degrade_nats").start().await;
    let student = system.student("ada@school.example").await;
    let lesson = enrol_and_read(&system, &student).await;
    let process = system.process("all").id();

    system.nats.kill();
    let failing = degraded(&system).await;
    assert!(failing.iter().any(|check| check.ends_with("/nats")), "{failing:?}");
    assert!(!failing.iter().any(|check| check.ends_with("/postgres")), "{failing:?}");
    // The bus is a copy: nothing that a student does needs it.
    let turn = student.ask(None, &question(&lesson), &lesson.page).await;
    assert!(turn.whole && turn.item("assistant_message").is_some(), "{turn:?}");
    let mut newcomer = Student::new(&system.api, "bob@school.example");
    newcomer.sign_up().await.expect(200);
    system.mail.first_to(&newcomer.email).await;
    system.api.get("/healthz").await.expect(200);

    system.nats.restart().await;
    recovered(&system).await;
    assert_eq!(system.process("all").id(), process);
    let admin = system.admin().await;
    eventually("what happened while NATS was away is in the read models", || async {
        let rows = admin.get("/api/v1/admin/auth-events?email=bob@school.example").await.expect(200);
        let usage = admin.get("/api/v1/admin/ai-usage").await.expect(200);
        let registered = rows["events"].as_array()?.iter().any(|row| row["type"] == "user.registered");
        (registered && usage["days"][0]["completed"] == 1).then_some(())
    })
    .await;
    ledger::assert_nothing_lost_or_doubled(&system).await;
    system.assert_no_panic();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_session_service_those_who_are_in_stay_in_while_the_bus_tells_who_left() {
    let mut system = System::plan("degrade_session").one_process_per_service().start().await;
    let student = system.student("ada@school.example").await;
    let token = student.access_token().await;
    let path = "/api/v1/me/quota";
    student.get(path).await.expect(200);
    let with_token = || {
        let request = student.api.request(Method::GET, path);
        Answer::of(request.header("authorization", format!("Bearer {token}")))
    };
    with_token().await.expect(200);
    let mut newcomer = Student::new(&system.api, "bob@school.example");

    system.kill("session");
    within(RECOVERY, "who is in stays in", || async {
        let (by_token, by_cookie) = (with_token().await, student.get(path).await);
        (by_token.status.as_u16() == 200 && by_cookie.status.as_u16() == 200).then_some(())
    })
    .await;
    assert_unavailable(&newcomer.sign_up().await, "code");
    // Without the bus, too, nobody tells who left meanwhile.
    system.nats.kill();
    within(RECOVERY, "nobody vouches for anybody", || async {
        let (by_token, by_cookie) = (with_token().await, student.get(path).await);
        (by_token.status.as_u16() == 503 && by_cookie.status.as_u16() == 503).then_some(())
    })
    .await;
    assert_unavailable(&with_token().await, "reason");
    assert_unavailable(&student.get(path).await, "reason");

    system.nats.restart().await;
    system.restart("session").await;
    within(RECOVERY, "all is well again", || async {
        let (by_token, by_cookie) = (with_token().await, student.get(path).await);
        (by_token.status.as_u16() == 200 && by_cookie.status.as_u16() == 200).then_some(())
    })
    .await;
    newcomer.sign_in().await.expect(200);
    system.assert_no_panic();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_starts_while_postgres_and_nats_are_away_and_works_once_they_come() {
    let mut system = System::plan("degrade_start").own_postgres().start().await;
    let student = system.student("ada@school.example").await;
    system.kill("all");
    system.nats.kill();
    system.postgres.stop().await;
    system.spawn("all");
    let failing = degraded(&system).await;
    assert!(failing.iter().any(|check| check.ends_with("/postgres")), "{failing:?}");
    assert!(failing.iter().any(|check| check.ends_with("/nats")), "{failing:?}");
    system.nats.restart().await;
    system.postgres.restart().await;
    recovered(&system).await;
    let lesson = enrol_and_read(&system, &student).await;
    let turn = student.ask(None, &question(&lesson), &lesson.page).await;
    assert!(turn.item("assistant_message").is_some(), "{turn:?}");
    ledger::assert_nothing_lost_or_doubled(&system).await;
    system.assert_no_panic();
}

/// Waits until `/readyz` says 503, on both listeners, and answers the checks that fail.
async fn degraded(system: &System) -> Vec<String> {
    let failing = within(RECOVERY, "the process says it is degraded", || async {
        let (status, failing) = system.failing_checks("all").await?;
        (status == 503 && !failing.is_empty()).then_some(failing)
    })
    .await;
    let report: Value = system.api.get("/readyz").await.expect(503);
    assert_eq!(report["status"], "degraded", "{report}");
    for check in &failing {
        assert!(
            report["checks"][check]["detail"].as_str().is_some_and(|detail| detail != "ok"),
            "{check}: {report}"
        );
    }
    failing
}

async fn recovered(system: &System) {
    within(RECOVERY, "the process is ready again", || async {
        let (status, failing) = system.failing_checks("all").await?;
        (status == 200 && failing.is_empty()).then_some(())
    })
    .await;
}

/// 503 in the shape of its interface, with a time to come back.
#[track_caller]
fn assert_unavailable(answer: &Answer, member: &str) {
    let body = answer.expect(503);
    assert_eq!(body[member], "SERVICE_UNAVAILABLE", "{body}");
    assert!(answer.header("retry-after").parse::<u64>().is_ok(), "Retry-After: {:?}", answer.headers);
    assert!(
        !body.to_string().contains("sqlx") && !body.to_string().contains("postgres"),
        "no source leaks: {body}"
    );
    assert_ne!(body, json!({}));
}
