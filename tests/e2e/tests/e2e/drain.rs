use std::time::{Duration, Instant};

use intellistack_e2e::{Api, SERVICES, Script, System, Turn, eventually, ledger};

use crate::support::{enrol_and_read, question};

const DRAIN: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_lets_a_running_answer_finish_and_ends_with_success() {
    let mut system = System::plan("drain_all").start().await;
    let student = system.student("ada@school.example").await;
    let lesson = enrol_and_read(&system, &student).await;
    system.model.will(Script::Hold);
    let response = student.question(None, &question(&lesson), &lesson.page).send().await.expect("an answer");
    assert_eq!(response.status().as_u16(), 200);
    eventually("the model is asked", || async { (!system.model.requests().is_empty()).then_some(()) }).await;

    let started = Instant::now();
    system.process("all").signal("TERM");
    let origin = system.api.origin().to_owned();
    eventually("no new request is accepted", || async {
        // A client of its own: a kept connection would be served to its end.
        let refused = Api::new(&origin).request(reqwest::Method::GET, "/healthz").send().await;
        refused.is_err().then_some(())
    })
    .await;
    system.model.release();
    let turn = Turn::read(response).await;
    assert!(turn.whole && turn.item("assistant_message").is_some(), "the answer came to its end: {turn:?}");
    let status = system.process("all").ended(DRAIN.saturating_sub(started.elapsed())).await;
    assert!(status.success(), "{status}");

    system.restart("all").await;
    assert_eq!(student.items(&turn.thread_id()).await.len(), 2);
    ledger::assert_nothing_lost_or_doubled(&system).await;
    system.assert_no_panic();
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_does_not_wait_for_a_model_that_hangs() {
    let mut system = System::plan("drain_hang").start().await;
    let student = system.student("ada@school.example").await;
    let lesson = enrol_and_read(&system, &student).await;
    system.model.will(Script::Hang);
    let response = student.question(None, &question(&lesson), &lesson.page).send().await.expect("an answer");
    eventually("the model is asked", || async { (!system.model.requests().is_empty()).then_some(()) }).await;
    system.process("all").signal("TERM");
    let status = system.process("all").ended(DRAIN + Duration::from_secs(2)).await;
    assert!(status.success(), "{status}");
    drop(response);
    system.model.will(Script::Socratic);
    system.restart("all").await;
    // The turn that was cut is settled by whoever comes next: answered or failed, not forgotten.
    ledger::assert_nothing_lost_or_doubled(&system).await;
    system.assert_no_panic();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_service_alone_ends_on_sigterm_with_success() {
    let mut system = System::plan("drain_each").one_process_per_service().start().await;
    for service in SERVICES {
        system.process(service).signal("TERM");
    }
    for service in SERVICES {
        let status = system.process(service).ended(DRAIN).await;
        assert!(status.success(), "{service}: {status}");
    }
    system.assert_no_panic();
}
