use api::chat_thread::{AddAssistantMessageRequest, ListItemsResponse, ListThreadsResponse, Order};
use chrono::TimeDelta;
use kernel::ErrorCode;

use crate::env::{ADA, Env, GRACE, assert_refused, payload_of};

fn thread_ids(page: &ListThreadsResponse) -> Vec<String> {
    page.threads.iter().map(|thread| thread.id.clone()).collect()
}

fn item_ids(page: &ListItemsResponse) -> Vec<String> {
    page.items.iter().map(|item| item.id.clone()).collect()
}

/// Threads of Ada's in the order of (creation, id): every three share a time.
async fn many_threads(env: &Env, count: usize) -> Vec<String> {
    let mut threads = Vec::new();
    while threads.len() < count {
        let mut at_once = Vec::new();
        for _ in 0..3.min(count - threads.len()) {
            at_once.push(env.thread(ADA, "x").await);
            env.thread(GRACE, "y").await;
        }
        at_once.sort_unstable();
        threads.append(&mut at_once);
        env.clock.advance(TimeDelta::seconds(1));
    }
    threads
}

#[tokio::test]
async fn threads_are_paged_both_ways_with_nothing_missed_or_doubled() {
    let env = Env::start().await;
    let oldest_first = many_threads(&env, 7).await;
    let newest_first: Vec<_> = oldest_first.iter().rev().cloned().collect();
    for (order, wanted) in
        [(Order::Asc, &oldest_first), (Order::Desc, &newest_first), (Order::Unspecified, &newest_first)]
    {
        for limit in 1..=8_u32 {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = env.threads(ADA, order, limit, after.as_deref()).await.unwrap();
                seen.extend(thread_ids(&page));
                assert_eq!(page.has_more, seen.len() < 7, "{order:?} by {limit}");
                after = seen.last().cloned();
                if !page.has_more {
                    break;
                }
                assert_eq!(page.threads.len(), usize::try_from(limit).unwrap());
            }
            assert_eq!(&seen, wanted, "{order:?} by {limit}");
            let beyond = env.threads(ADA, order, limit, after.as_deref()).await.unwrap();
            assert_eq!(beyond, ListThreadsResponse::default());
        }
    }
}

#[tokio::test]
async fn a_page_of_threads_has_20_unless_told_and_100_at_most() {
    let env = Env::start().await;
    let threads = many_threads(&env, 101).await;
    for (limit, length) in [(0, 20), (1, 1), (99, 99), (100, 100), (101, 100), (u32::MAX, 100)] {
        let page = env.threads(ADA, Order::Asc, limit, None).await.unwrap();
        assert_eq!((thread_ids(&page), page.has_more), (threads[..length].to_vec(), true), "{limit}");
    }
    let rest = env.threads(ADA, Order::Asc, 100, Some(&threads[0])).await.unwrap();
    assert_eq!((thread_ids(&rest), rest.has_more), (threads[1..].to_vec(), false), "exactly full");
}

#[tokio::test]
async fn items_are_paged_both_ways_with_nothing_missed_or_doubled() {
    let env = Env::start().await;
    let (thread, oldest_first) = env.conversation(ADA, 7).await;
    env.conversation(ADA, 3).await;
    let newest_first: Vec<_> = oldest_first.iter().rev().cloned().collect();
    for (order, wanted) in
        [(Order::Asc, &oldest_first), (Order::Desc, &newest_first), (Order::Unspecified, &newest_first)]
    {
        for limit in 1..=8_u32 {
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let page = env.items(&thread, order, limit, after.as_deref()).await.unwrap();
                seen.extend(item_ids(&page));
                assert_eq!(page.has_more, seen.len() < 7, "{order:?} by {limit}");
                after = seen.last().cloned();
                if !page.has_more {
                    break;
                }
                assert_eq!(page.items.len(), usize::try_from(limit).unwrap());
            }
            assert_eq!(&seen, wanted, "{order:?} by {limit}");
            let beyond = env.items(&thread, order, limit, after.as_deref()).await.unwrap();
            assert_eq!(beyond, ListItemsResponse::default());
        }
    }
}

#[tokio::test]
async fn a_page_of_items_has_20_unless_told_and_200_at_most() {
    let env = Env::start().await;
    let (thread, items) = env.conversation(ADA, 201).await;
    for (limit, length) in [(0, 20), (199, 199), (200, 200), (201, 200), (u32::MAX, 200)] {
        let page = env.items(&thread, Order::Asc, limit, None).await.unwrap();
        assert_eq!((item_ids(&page), page.has_more), (items[..length].to_vec(), true), "{limit}");
    }
    let rest = env.items(&thread, Order::Asc, 200, Some(&items[0])).await.unwrap();
    assert_eq!((item_ids(&rest), rest.has_more), (items[1..].to_vec(), false), "exactly full");
}

#[tokio::test]
async fn large_items_come_in_shorter_pages_that_fit_into_a_message() {
    let env = Env::start().await;
    let (thread, mut items) = env.conversation(ADA, 1).await;
    for _ in 0..25 {
        let large = AddAssistantMessageRequest {
            payload_json: payload_of(256 * 1024),
            ..env.answer(ADA, &thread, "")
        };
        items.push(env.say(large).await.unwrap().id);
    }
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = env.items(&thread, Order::Asc, 200, after.as_deref()).await.unwrap();
        seen.extend(item_ids(&page));
        assert_eq!(page.has_more, seen.len() < items.len());
        after = seen.last().cloned();
        if !page.has_more {
            break;
        }
    }
    assert_eq!(seen, items);
}

#[tokio::test]
async fn an_unknown_cursor_is_refused() {
    let env = Env::start().await;
    let (thread, items) = env.conversation(ADA, 1).await;
    let (other, others) = env.conversation(ADA, 1).await;
    for bad in [env.thread_id().as_str(), "", "thr_1", "\0", &items[0]] {
        let page = env.threads(ADA, Order::Desc, 0, Some(bad)).await;
        assert_refused(page, ErrorCode::InvalidArgument, "UNKNOWN_CURSOR");
    }
    for bad in [env.item_id().as_str(), "", "msg_1", "\0", &others[0], &other] {
        let page = env.items(&thread, Order::Desc, 0, Some(bad)).await;
        assert_refused(page, ErrorCode::InvalidArgument, "UNKNOWN_CURSOR");
    }
}
