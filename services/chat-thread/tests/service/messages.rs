use std::collections::BTreeSet;

use api::chat_thread::{AddAssistantMessageRequest, AddUserMessageRequest, ItemKind, Order};
use chrono::TimeDelta;
use futures::future::join_all;
use kernel::{Clock, ErrorCode};

use crate::env::{ADA, Env, GRACE, answer, assert_refused, payload, payload_of};

#[tokio::test]
async fn a_thread_is_created_with_its_first_message() {
    let env = Env::start().await;
    let request = env.beginning(ADA, "Why two?");
    let begun = env.ask(request.clone()).await.unwrap();
    let (thread, item) = (begun.thread.unwrap(), begun.item.unwrap());
    assert!(begun.thread_created);
    assert_eq!((thread.id.as_str(), thread.owner_id.as_str()), (request.new_thread_id.as_str(), ADA));
    assert_eq!((thread.title.as_str(), thread.course_slug.as_str()), ("", "rust"));
    assert_eq!((item.seq, item.kind()), (1, ItemKind::UserMessage));
    assert_eq!(item.payload_json, request.payload_json, "byte for byte");
    assert_eq!(item.created_at, Some(api::timestamp(env.clock.now())));
    assert_eq!(env.get(ADA, &thread.id).await.unwrap(), thread);
    assert_eq!(env.item(ADA, &thread.id, &item.id).await.unwrap(), item);
    assert_eq!(env.story(&thread.id).await, ["thread.created", "thread.item_added"]);

    env.clock.advance(TimeDelta::minutes(1));
    let said = env.say(env.answer(ADA, &thread.id, "Because.")).await.unwrap();
    assert_eq!((said.seq, said.kind()), (2, ItemKind::AssistantMessage));
    let asked = env.ask(env.question(ADA, &thread.id, "And three?")).await.unwrap();
    assert_eq!((asked.thread.unwrap(), asked.thread_created), (thread, false));
    assert_eq!(asked.item.unwrap().seq, 3);
}

#[tokio::test]
async fn messages_that_are_added_at_once_are_all_kept_and_numbered_densely() {
    let env = Env::start().await;
    let other = env.replica().await;
    let thread = env.thread(ADA, "1").await;
    let adds = (0..40).map(|n| {
        let mut client = if n % 2 == 0 { env.client.clone() } else { other.clone() };
        let question = env.question(ADA, &thread, &format!("q{n}"));
        let said = env.answer(ADA, &thread, &format!("a{n}"));
        async move {
            if n % 4 < 2 {
                answer(client.add_user_message(question).await).unwrap().item.unwrap().seq
            } else {
                answer(client.add_assistant_message(said).await).unwrap().item.unwrap().seq
            }
        }
    });
    let told: BTreeSet<u64> = join_all(adds).await.into_iter().collect();
    assert_eq!(told, (2..=41).collect());
    let items = env.items(&thread, Order::Asc, 200, None).await.unwrap().items;
    assert_eq!(items.iter().map(|item| item.seq).collect::<Vec<_>>(), (1..=41).collect::<Vec<_>>());
    assert_eq!(env.story(&thread).await.len(), 42);
}

#[tokio::test]
async fn the_same_message_again_answers_the_stored_one() {
    let env = Env::start().await;
    let beginning = env.beginning(ADA, "Why?");
    let begun = env.ask(beginning.clone()).await.unwrap();
    let thread = begun.thread.clone().unwrap().id;
    let question = env.question(ADA, &thread, "And?");
    let asked = env.ask(question.clone()).await.unwrap();
    let said = env.answer(ADA, &thread, "Because.");
    let stored = env.say(said.clone()).await.unwrap();

    env.clock.advance(TimeDelta::hours(1));
    for _ in 0..2 {
        assert_eq!(env.ask(beginning.clone()).await.unwrap(), begun, "created, as the first time");
        assert_eq!(env.ask(question.clone()).await.unwrap(), asked);
        assert_eq!(env.say(said.clone()).await.unwrap(), stored);
    }
    assert_eq!(env.story(&thread).await.len(), 4, "nothing was recorded twice");
}

#[tokio::test]
async fn a_beginning_that_is_repeated_at_once_begins_one_thread() {
    let env = Env::start().await;
    let beginning = env.beginning(ADA, "Why?");
    let answers = join_all((0..20).map(|_| env.ask(beginning.clone()))).await;
    let first = answers[0].clone().unwrap();
    assert!(first.thread_created);
    for answer in answers {
        assert_eq!(answer.unwrap(), first);
    }
    assert_eq!(env.story(&beginning.new_thread_id).await, ["thread.created", "thread.item_added"]);
}

#[tokio::test]
async fn another_message_under_a_used_id_is_refused() {
    let env = Env::start().await;
    let beginning = env.beginning(ADA, "Why?");
    env.ask(beginning.clone()).await.unwrap();
    let (thread, item_id) = (beginning.new_thread_id.clone(), beginning.item_id.clone());
    let elsewhere = env.thread(ADA, "elsewhere").await;
    let foreign = env.thread(GRACE, "Hello").await;

    let otherwise = AddUserMessageRequest { payload_json: payload("Why not?"), ..beginning.clone() };
    let same_meaning = AddUserMessageRequest {
        payload_json: [beginning.payload_json.as_slice(), b" "].concat(),
        ..beginning.clone()
    };
    let in_another = AddUserMessageRequest { thread_id: Some(elsewhere.clone()), ..beginning.clone() };
    let in_a_new_one = AddUserMessageRequest { new_thread_id: env.thread_id(), ..beginning.clone() };
    let of_another =
        AddUserMessageRequest { item_id: item_id.clone(), ..env.question(GRACE, &foreign, "Why?") };
    for request in [otherwise, same_meaning, in_another, in_a_new_one, of_another] {
        assert_refused(env.ask(request).await, ErrorCode::AlreadyExists, "ITEM_EXISTS");
    }
    let as_answer = AddAssistantMessageRequest { item_id, ..env.answer(ADA, &thread, "Why?") };
    assert_refused(env.say(as_answer).await, ErrorCode::AlreadyExists, "ITEM_EXISTS");

    let again = AddUserMessageRequest { item_id: env.item_id(), ..beginning };
    assert_refused(env.ask(again).await, ErrorCode::AlreadyExists, "THREAD_EXISTS");
    for stream in [&thread, &elsewhere, &foreign] {
        assert_eq!(env.story(stream).await.len(), 2);
    }
}

#[tokio::test]
async fn an_id_that_is_taken_in_two_threads_at_once_goes_to_one_of_them() {
    let env = Env::start().await;
    for _ in 0..10 {
        let one = env.beginning(ADA, "Why?");
        let two = AddUserMessageRequest { item_id: one.item_id.clone(), ..env.beginning(GRACE, "Why?") };
        let (first, second) = futures::join!(env.ask(one.clone()), env.ask(two.clone()));
        assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
        let (refused, thread) =
            if first.is_ok() { (second, &two.new_thread_id) } else { (first, &one.new_thread_id) };
        assert_refused(refused, ErrorCode::AlreadyExists, "ITEM_EXISTS");
        assert!(env.story(thread).await.is_empty(), "the thread did not begin either");
    }
}

#[tokio::test]
async fn a_deleted_conversation_is_gone_and_a_late_repeat_does_not_bring_it_back() {
    let env = Env::start().await;
    let beginning = env.beginning(ADA, "Why?");
    env.ask(beginning.clone()).await.unwrap();
    sqlx::query("delete from threads").execute(&env.pool()).await.unwrap();
    let left: i64 = sqlx::query_scalar("select count(*) from items").fetch_one(&env.pool()).await.unwrap();
    assert_eq!(left, 0);
    assert_refused(env.ask(beginning.clone()).await, ErrorCode::AlreadyExists, "THREAD_EXISTS");
    let late = env.answer(ADA, &beginning.new_thread_id, "Because.");
    assert_refused(env.say(late).await, ErrorCode::NotFound, "THREAD_NOT_FOUND");
}

#[tokio::test]
async fn a_payload_is_a_json_object_of_256_kib_at_most() {
    let env = Env::start().await;
    let limit = 256 * 1024;
    let largest = AddUserMessageRequest { payload_json: payload_of(limit), ..env.beginning(ADA, "") };
    let item = env.ask(largest.clone()).await.unwrap().item.unwrap();
    assert_eq!(item.payload_json.len(), limit);

    let thread = largest.new_thread_id;
    for (bad, reason) in [
        (payload_of(limit + 1), "PAYLOAD_TOO_LARGE"),
        (Vec::new(), "INVALID_PAYLOAD"),
        (b"[]".to_vec(), "INVALID_PAYLOAD"),
        (b"{\"a\":".to_vec(), "INVALID_PAYLOAD"),
        (b"{\"a\":\"\xff\"}".to_vec(), "INVALID_PAYLOAD"),
    ] {
        let question = AddUserMessageRequest { payload_json: bad.clone(), ..env.question(ADA, &thread, "") };
        assert_refused(env.ask(question).await, ErrorCode::InvalidArgument, reason);
        let said = AddAssistantMessageRequest { payload_json: bad, ..env.answer(ADA, &thread, "") };
        assert_refused(env.say(said).await, ErrorCode::InvalidArgument, reason);
    }
    assert_eq!(env.story(&thread).await.len(), 2);
}

#[tokio::test]
async fn ids_of_new_things_are_checked() {
    let env = Env::start().await;
    let thread = env.thread(ADA, "1").await;
    for bad in ["", "thr_1", "msg_aaaaaaaaaaaaaaaaaaaaaaa\0", "thr_aaaaaaaaaaaaaaaaaaaaaaa-"] {
        let new = AddUserMessageRequest { new_thread_id: bad.to_owned(), ..env.beginning(ADA, "x") };
        assert_refused(env.ask(new).await, ErrorCode::InvalidArgument, "INVALID_THREAD_ID");
        let item = AddUserMessageRequest { item_id: bad.to_owned(), ..env.question(ADA, &thread, "x") };
        assert_refused(env.ask(item).await, ErrorCode::InvalidArgument, "INVALID_ITEM_ID");
        let said = AddAssistantMessageRequest { item_id: bad.to_owned(), ..env.answer(ADA, &thread, "x") };
        assert_refused(env.say(said).await, ErrorCode::InvalidArgument, "INVALID_ITEM_ID");
    }
    let turn = env.thread_id().replace("thr_", "msg_");
    let said = AddAssistantMessageRequest { item_id: turn, ..env.answer(ADA, &thread, "x") };
    env.say(said).await.unwrap();
}

#[tokio::test]
async fn a_thread_is_named_and_renamed() {
    let env = Env::start().await;
    let thread = env.thread(ADA, "1").await;
    let longest = "é".repeat(200);
    for title in ["Why two?", "Why two?", longest.as_str()] {
        assert_eq!(env.name(ADA, &thread, title).await.unwrap().title, title);
        assert_eq!(env.get(ADA, &thread).await.unwrap().title, title);
    }
    for bad in ["", "  ", "a\0", &"x".repeat(201)] {
        assert_refused(env.name(ADA, &thread, bad).await, ErrorCode::InvalidArgument, "INVALID_TITLE");
    }
    assert_eq!(env.get(ADA, &thread).await.unwrap().title, longest);
    assert_eq!(env.story(&thread).await[2..], ["thread.titled", "thread.titled"], "a repeat is not news");
}
