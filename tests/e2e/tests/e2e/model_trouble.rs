use intellistack_e2e::{Script, System, ledger};

use crate::support::{ask_and_be_cut_off, enrol_and_read, question};

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_ends_in_a_typed_error_and_the_next_one_works() {
    let system = System::plan("model_cut").start().await;
    let student = system.student("ada@school.example").await;
    let lesson = enrol_and_read(&system, &student).await;
    let turn = ask_and_be_cut_off(&system, &student, &lesson).await;
    assert!(turn.status == 200 && turn.accepted() && turn.whole, "{turn:?}");
    assert!(!turn.streamed_text().is_empty(), "it had begun: {turn:?}");
    let error = turn.error().unwrap_or_else(|| panic!("no error event in {turn:?}"));
    assert!(error["message"].is_string() && error["allow_retry"] == true, "{error}");
    assert!(turn.item("assistant_message").is_none(), "half an answer is not stored: {turn:?}");
    // The question stays in the thread and can be asked again.
    system.model.will(Script::Socratic);
    let again = student.ask(Some(&turn.thread_id()), &question(&lesson), &lesson.page).await;
    assert_eq!(again.streamed_text(), again.answer_text(), "what was streamed is what was stored");
    assert!(!again.citations().is_empty(), "{again:?}");
    assert_eq!(student.items(&turn.thread_id()).await.len(), 3);
    ledger::assert_nothing_lost_or_doubled(&system).await;
    system.assert_no_panic();
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_model_refuses_the_built_in_tutor_steps_in_and_says_so() {
    let system = System::plan("model_refuses").start().await;
    let student = system.student("ada@school.example").await;
    let lesson = enrol_and_read(&system, &student).await;
    for status in [401, 429, 500] {
        system.model.will(Script::Status(status));
        let turn = student.ask(None, &question(&lesson), &lesson.page).await;
        assert!(turn.whole && turn.error().is_none(), "{status}: {turn:?}");
        assert!(!turn.answer_text().is_empty(), "{status}: {turn:?}");
        assert_eq!(turn.effect("tutor").expect("the mode")["mode"], "offline", "{status}");
    }
    ledger::assert_nothing_lost_or_doubled(&system).await;
    system.assert_no_panic();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_model_the_built_in_tutor_answers_with_a_citation_and_says_it_is_offline() {
    let system = System::plan("offline_tutor").offline_tutor().start().await;
    let student = system.student("ada@school.example").await;
    let lesson = enrol_and_read(&system, &student).await;
    let turn = student.ask(None, &question(&lesson), &lesson.page).await;
    assert!(turn.whole && !turn.answer_text().is_empty(), "{turn:?}");
    assert_eq!(turn.effect("tutor").expect("the mode")["mode"], "offline");
    assert!(turn.answer_text().contains('?'), "a Socratic answer asks: {}", turn.answer_text());
    assert!(!turn.citations().is_empty(), "{turn:?}");
    assert!(system.model.requests().is_empty());
    ledger::assert_nothing_lost_or_doubled(&system).await;
}
