use intellistack_e2e::{Answer, Student, System, eventually, ledger};
use reqwest::Method;

use crate::support::enrol_and_read;

#[tokio::test(flavor = "multi_thread")]
async fn the_trace_of_a_request_is_found_on_its_events_and_in_the_read_model() {
    let system = System::plan("trace").one_process_per_service().start().await;
    let trace_id = "0af7651916cd43dd8448eb211c80319c";
    let traceparent = format!("00-{trace_id}-b7ad6b7169203331-01");
    let mut student = Student::new(&system.api, "ada@school.example");
    let answer = Answer::of(student.sign_up_request().header("traceparent", &traceparent)).await;
    answer.expect(200);
    assert_eq!(answer.header("x-trace-id"), trace_id);
    student.keep(&answer);
    let pool = system.postgres.pool();
    for (store, kind) in [("identity", "user.registered"), ("session", "session.started")] {
        let traces = ledger::traces(&pool, store, kind).await;
        assert!(traces.iter().any(|trace| trace.contains(trace_id)), "{store}: {traces:?}");
    }

    // A question carries its trace through gateway, tutor, threads and quota.
    let student = system.student("bob@school.example").await;
    let lesson = enrol_and_read(&system, &student).await;
    let trace_of_turn = "11111111111111112222222222222222";
    let traceparent = format!("00-{trace_of_turn}-b7ad6b7169203331-01");
    let asked =
        student.question(None, "How does this work?", &lesson.page).header("traceparent", &traceparent);
    let turn = intellistack_e2e::Turn::read(asked.send().await.expect("an answer")).await;
    assert!(turn.whole, "{turn:?}");
    for (store, kind) in [
        ("tutor_agent", "turn.started"),
        ("tutor_agent", "turn.completed"),
        ("chat_thread", "thread.item_added"),
        ("rate_limit", "quota.reserved"),
    ] {
        eventually(&format!("{kind} carries the trace"), || async {
            let traces = ledger::traces(&pool, store, kind).await;
            traces.iter().any(|trace| trace.contains(trace_of_turn)).then_some(())
        })
        .await;
    }

    let admin = system.admin().await;
    eventually("the read model names the trace", || async {
        let path = "/api/v1/admin/auth-events?email=ada@school.example";
        let rows = Answer::of(admin.request(Method::GET, path)).await.expect(200);
        let rows = rows["events"].as_array().expect("events").clone();
        rows.iter().any(|row| row["type"] == "user.registered" && row["trace_id"] == trace_id).then_some(())
    })
    .await;

    // A traceparent that is none starts a trace of our own instead of failing.
    let answer =
        Answer::of(system.api.request(Method::GET, "/api/v1/courses").header("traceparent", "nonsense"))
            .await;
    answer.expect(200);
    assert_eq!(answer.header("x-trace-id").len(), 32);
}
