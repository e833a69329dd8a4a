//! What the model's failures mean for the student.

use api::chat_thread::ItemKind;

use super::endpoint::Script;
use super::*;
use crate::domain::turn::Event as Recorded;

async fn degrades(script: Script) -> Seen {
    let world = World::new().await;
    let model = Endpoint::new(script).await;
    let process = world.process(Some(&model)).await;
    let seen = process.ask(question("What is a move of a String?")).await;
    assert_eq!(seen.failure(), None);
    assert_eq!(seen.modes(), ["scripted", "offline"]);
    assert!(seen.text().contains("Offline tutor"));
    assert_eq!(world.fakes.reservation(&seen.turn_id), Some("settled"));
    let story = world.story(&seen.turn_id).await;
    let [Recorded::Started(_), Recorded::Completed(completed)] = story.as_slice() else {
        panic!("{story:?}")
    };
    assert_eq!(completed.model, "offline");
    seen
}

#[tokio::test]
async fn before_the_first_token_a_server_error_brings_the_offline_tutor() {
    degrades(Script::Refuse(500)).await;
}

#[tokio::test]
async fn before_the_first_token_a_rate_limit_brings_the_offline_tutor() {
    degrades(Script::Refuse(429)).await;
}

#[tokio::test]
async fn a_wrong_key_brings_the_offline_tutor() {
    degrades(Script::Refuse(401)).await;
}

#[tokio::test]
async fn a_model_that_never_begins_brings_the_offline_tutor() {
    degrades(Script::Hang(vec![])).await;
}

#[tokio::test]
async fn an_empty_answer_brings_the_offline_tutor() {
    degrades(Script::Say(vec![" ", "\n"], None)).await;
}

#[tokio::test]
async fn a_stream_cut_before_anything_left_brings_the_offline_tutor() {
    let seen = degrades(Script::Cut(vec!["Half a sentence"])).await;
    assert!(!seen.text().contains("Half a sentence"));
}

async fn fails(script: Script) {
    let world = World::new().await;
    let model = Endpoint::new(script).await;
    let process = world.process(Some(&model)).await;
    let seen = process.ask(question("What is a move?")).await;
    assert_eq!(seen.failure(), Some(("MODEL_UNAVAILABLE", true)));
    assert_eq!(seen.text(), "A whole sentence. ");
    assert!(world.fakes.items(ItemKind::AssistantMessage).is_empty());
    assert_eq!(world.fakes.reservation(&seen.turn_id), Some("refunded"));
    assert_eq!(world.state(&seen.turn_id).await, "failed");
    let story = world.story(&seen.turn_id).await;
    let [Recorded::Started(_), Recorded::Failed(failed)] = story.as_slice() else { panic!("{story:?}") };
    assert_eq!(failed.reason, "MODEL_UNAVAILABLE");
}

#[tokio::test]
async fn a_stream_cut_in_the_middle_fails_the_turn_and_gives_the_message_back() {
    fails(Script::Cut(vec!["A whole sentence. And", " half"])).await;
}

#[tokio::test]
async fn a_model_that_falls_silent_fails_the_turn_and_gives_the_message_back() {
    fails(Script::Hang(vec!["A whole sentence. And", " half"])).await;
}

#[tokio::test]
async fn without_the_answer_keys_no_model_may_speak() {
    let world = World::new().await;
    world.fakes.stop("get_answer_keys");
    let model = Endpoint::new(Script::Say(vec!["It prints 1729."], None)).await;
    let process = world.process(Some(&model)).await;
    let seen = process.ask(question("What does it print?")).await;
    assert_eq!(seen.modes(), ["scripted", "offline"]);
    assert!(model.asked().is_empty());
    assert!(!seen.text().contains("1729"));
}
