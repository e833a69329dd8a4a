use api::chat_thread::{
    AddAssistantMessageRequest, AddUserMessageRequest, ListItemsRequest, ListThreadsRequest, Order,
};
use kernel::{Error, ErrorCode};

use crate::env::{ADA, Env, GRACE, answer, assert_refused};

/// What every call about a thread answers to a user.
async fn everything(env: &Env, user: &str, thread: &str, item: &str) -> Vec<Option<Error>> {
    let items = |after: Option<&str>| ListItemsRequest {
        thread_id: thread.to_owned(),
        after: after.map(str::to_owned),
        ..ListItemsRequest::default()
    };
    vec![
        env.ask(env.question(user, thread, "Mine?")).await.err(),
        env.ask(AddUserMessageRequest { item_id: item.to_owned(), ..env.question(user, thread, "1") })
            .await
            .err(),
        env.say(env.answer(user, thread, "Mine.")).await.err(),
        env.say(AddAssistantMessageRequest { item_id: item.to_owned(), ..env.answer(user, thread, "1") })
            .await
            .err(),
        env.name(user, thread, "Mine").await.err(),
        env.name(user, thread, "").await.err(),
        env.get(user, thread).await.err(),
        env.items_as(user, items(None)).await.err(),
        env.items_as(user, items(Some(item))).await.err(),
        env.item(user, thread, item).await.err(),
        env.item(user, thread, "msg_nothing").await.err(),
    ]
}

#[tokio::test]
async fn a_thread_of_another_user_answers_like_one_that_does_not_exist() {
    let env = Env::start().await;
    let (thread, items) = env.conversation(ADA, 3).await;
    let foreign = everything(&env, GRACE, &thread, &items[0]).await;
    for error in &foreign {
        let error = error.as_ref().unwrap();
        assert_eq!((error.code, &*error.reason), (ErrorCode::NotFound, "THREAD_NOT_FOUND"));
    }
    for absent in [env.thread_id().as_str(), "thr_nobody", "", "thr_'; drop table threads", "\0"] {
        assert_eq!(everything(&env, GRACE, absent, &items[0]).await, foreign, "{absent:?}");
    }

    assert!(env.threads(GRACE, Order::Desc, 0, None).await.unwrap().threads.is_empty());
    let cursor = env.threads(GRACE, Order::Desc, 0, Some(&thread)).await;
    assert_refused(cursor, ErrorCode::InvalidArgument, "UNKNOWN_CURSOR");
    let taken = AddUserMessageRequest { new_thread_id: thread.clone(), ..env.beginning(GRACE, "Mine?") };
    assert_refused(env.ask(taken).await, ErrorCode::AlreadyExists, "THREAD_EXISTS");

    assert_eq!(env.story(&thread).await.len(), 4, "nothing happened to it");
    let kept = env.items(&thread, Order::Asc, 0, None).await.unwrap().items;
    assert_eq!(kept.into_iter().map(|item| item.id).collect::<Vec<_>>(), items);
    assert_eq!(env.get(ADA, &thread).await.unwrap().title, "");
}

#[tokio::test]
async fn an_item_is_only_found_in_its_own_thread() {
    let env = Env::start().await;
    let (thread, items) = env.conversation(ADA, 2).await;
    let (other, _) = env.conversation(ADA, 2).await;
    assert_eq!(env.item(ADA, &thread, &items[1]).await.unwrap().id, items[1]);
    for absent in [env.item_id().as_str(), "", "msg_1", "\0", thread.as_str()] {
        assert_refused(env.item(ADA, &thread, absent).await, ErrorCode::NotFound, "ITEM_NOT_FOUND");
    }
    assert_refused(env.item(ADA, &other, &items[1]).await, ErrorCode::NotFound, "ITEM_NOT_FOUND");
}

#[tokio::test]
async fn nobody_is_asked_to_sign_in() {
    let env = Env::start().await;
    let (thread, items) = env.conversation(ADA, 1).await;
    for error in everything(&env, "", &thread, &items[0]).await {
        let error = error.unwrap();
        assert_eq!((error.code, &*error.reason), (ErrorCode::Unauthenticated, "UNAUTHENTICATED"));
    }
    let begun = env.ask(env.beginning("", "Hello?")).await;
    assert_refused(begun, ErrorCode::Unauthenticated, "UNAUTHENTICATED");
    let listed = env.client.clone().list_threads(ListThreadsRequest::default()).await;
    assert_refused(answer(listed), ErrorCode::Unauthenticated, "UNAUTHENTICATED");
}
