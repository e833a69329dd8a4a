//! Crashes and peers that stay away: nothing is lost and nothing happens twice.

use api::chat_thread::{Item, ItemKind};
use chrono::TimeDelta;

use super::endpoint::Script;
use super::*;
use crate::domain::turn::Event as Recorded;

/// Starts a turn in a process of its own and kills that process once a sentence has left.
/// Dropping a runtime in the background drops every task where it stands, as kill -9 does.
async fn crash(world: &World) -> String {
    let dying = world.clone();
    let killed = std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let turn_id = runtime.block_on(async {
            let model = Endpoint::new(Script::Hang(vec!["A whole sentence. And"])).await;
            let deps = dying.deps(None).await;
            let patient =
                Limits { first_token: Duration::from_mins(1), idle: Duration::from_mins(1), ..quick() };
            let parts = wire(&Options { model: Some(model.options()), limits: patient }, &deps).unwrap();
            let channel = testkit::peer_for(Routes::new(grpc::Grpc::service(Arc::clone(&parts.turns))));
            let process = Process { parts, client: TutorAgentClient::new(channel) };
            let mut stream = process.begin(question("What is a move?")).await.unwrap();
            loop {
                let event = stream.message().await.unwrap().expect("the turn goes on");
                if let Some(Event::TextDelta(_)) = event.event {
                    return event.turn_id;
                }
            }
        });
        runtime.shutdown_background();
        turn_id
    });
    tokio::task::spawn_blocking(move || killed.join().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_turn_whose_process_died_fails_and_its_message_is_given_back() {
    let world = World::new().await;
    let turn_id = crash(&world).await;
    assert_eq!(world.state(&turn_id).await, "running");
    let process = world.process(None).await;
    assert_eq!(process.parts.turns.recover_once().await, 0, "its lease has not ended");
    world.clock.advance(TimeDelta::minutes(1));
    assert_eq!(process.parts.turns.recover_once().await, 1);
    assert_eq!(world.fakes.reservation(&turn_id), Some("refunded"));
    let story = world.story(&turn_id).await;
    let [Recorded::Started(_), Recorded::Failed(failed)] = story.as_slice() else { panic!("{story:?}") };
    assert_eq!(failed.reason, "INTERRUPTED");
    world.clock.advance(TimeDelta::minutes(1));
    assert_eq!(process.parts.turns.recover_once().await, 0, "it is over");
}

#[tokio::test]
async fn a_turn_whose_answer_reached_the_thread_is_completed() {
    let world = World::new().await;
    let turn_id = crash(&world).await;
    let thread_id = world.fakes.items(ItemKind::UserMessage)[0].thread_id.clone();
    world.fakes.store(Item {
        id: turn_id.replace("trn_", "msg_"),
        thread_id,
        kind: ItemKind::AssistantMessage.into(),
        payload_json: domain::citation::payload("A whole sentence. And more.", &[]),
        created_at: Some(api::timestamp(kernel::Clock::now(world.clock.as_ref()) + TimeDelta::seconds(3))),
        ..Item::default()
    });
    world.clock.advance(TimeDelta::minutes(1));
    let process = world.process(None).await;
    process.parts.turns.recover_once().await;
    assert_eq!(world.fakes.reservation(&turn_id), Some("settled"));
    let story = world.story(&turn_id).await;
    let [Recorded::Started(_), Recorded::Completed(completed)] = story.as_slice() else {
        panic!("{story:?}")
    };
    assert_eq!((completed.response_ms, completed.tokens_estimated), (3_000, true));
}

#[tokio::test]
async fn replicas_recover_a_turn_once() {
    let world = World::new().await;
    let turn_id = crash(&world).await;
    world.clock.advance(TimeDelta::minutes(1));
    let (one, other) = (world.process(None).await, world.process(None).await);
    let (first, second) = tokio::join!(one.parts.turns.recover_once(), other.parts.turns.recover_once());
    assert_eq!(first + second, 1);
    assert_eq!(world.story(&turn_id).await.len(), 2);
}

/// The peer's call is away while the turn ends, and comes back.
async fn survives(call: &'static str) {
    let world = World::new().await;
    let process = world.process(None).await;
    world.fakes.stop(call);
    let seen = process.ask(question("What is a move of a String?")).await;
    assert_eq!(world.state(&seen.turn_id).await, "answered", "{call}");
    world.clock.advance(TimeDelta::seconds(1));
    assert_eq!(process.parts.turns.recover_once().await, 1);
    assert_eq!(world.state(&seen.turn_id).await, "answered", "{call} is still away");
    world.fakes.resume(call);
    world.clock.advance(TimeDelta::minutes(1));
    assert_eq!(process.parts.turns.recover_once().await, 1);
    assert_eq!(world.state(&seen.turn_id).await, "completed", "{call}");
    let answers = world.fakes.items(ItemKind::AssistantMessage);
    assert_eq!(answers.len(), 1);
    assert!(!world.fakes.thread(&answers[0].thread_id).unwrap().title.is_empty());
    assert_eq!(world.fakes.reservation(&seen.turn_id), Some("settled"));
    let story = world.story(&seen.turn_id).await;
    let [Recorded::Started(_), Recorded::Completed(completed)] = story.as_slice() else {
        panic!("{story:?}")
    };
    assert_eq!(completed.passages_retrieved, 2, "nothing known is lost on the way");
    let kept: Option<Vec<u8>> = sqlx::query_scalar("select answer from tutor_agent.turns where id = $1")
        .bind(&seen.turn_id)
        .fetch_one(&world.db.superuser())
        .await
        .unwrap();
    assert_eq!(kept, None, "the text of the answer does not stay here");
}

#[tokio::test]
async fn an_answer_is_stored_later_when_the_thread_is_away() {
    survives("add_assistant_message").await;
}

#[tokio::test]
async fn a_quota_is_settled_later_when_it_is_away() {
    survives("settle").await;
}

#[tokio::test]
async fn a_refund_is_made_later_when_the_quota_is_away() {
    let world = World::new().await;
    let model = Endpoint::new(Script::Cut(vec!["A whole sentence. And"])).await;
    let process = world.process(Some(&model)).await;
    world.fakes.stop("refund");
    let seen = process.ask(question("What is a move?")).await;
    assert_eq!(seen.failure(), Some(("MODEL_UNAVAILABLE", true)));
    assert_eq!(world.state(&seen.turn_id).await, "failing");
    world.fakes.resume("refund");
    world.clock.advance(TimeDelta::minutes(1));
    process.parts.turns.recover_once().await;
    assert_eq!(world.fakes.reservation(&seen.turn_id), Some("refunded"));
    let Recorded::Failed(failed) = &world.story(&seen.turn_id).await[1] else { panic!() };
    assert_eq!(failed.reason, "MODEL_UNAVAILABLE", "the recovery knows why");
}

#[tokio::test]
async fn a_question_that_cannot_be_stored_costs_nothing() {
    let world = World::new().await;
    let process = world.process(None).await;
    world.fakes.stop("add_user_message");
    assert_eq!(process.refusal(question("Why?")).await.reason, "SERVICE_UNAVAILABLE");
    process.idle().await;
    let reservations = world.fakes.reservations();
    assert_eq!(reservations.len(), 1);
    assert_eq!(reservations[0].1, "refunded");
    assert_eq!(world.state(&reservations[0].0).await, "failed");
}

#[tokio::test]
async fn an_unclear_reservation_is_given_back() {
    let world = World::new().await;
    let process = world.process(None).await;
    world.fakes.stop("reserve");
    assert_eq!(process.refusal(question("Why?")).await.reason, "SERVICE_UNAVAILABLE");
    process.idle().await;
    world.clock.advance(TimeDelta::seconds(1));
    assert_eq!(process.parts.turns.recover_once().await, 1);
    let reservations = world.fakes.reservations();
    assert_eq!(reservations[0].1, "refunded");
    assert_eq!(world.state(&reservations[0].0).await, "forgotten");
}
