use api::chat_thread::AddUserMessageRequest;
use api::eventlog::event_log_client::EventLogClient;
use api::eventlog::{Event, ReadRequest};
use api::events::chat_thread::{ItemAdded, ThreadCreated, ThreadTitled};
use futures::StreamExt;
use prost::Message;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::env::{ADA, Env, NOWHERE, payload};

const MARKER: &str = "wherethetreasureis";

/// A conversation in which a word is said that no event may hold: three items and two titles.
async fn secret_conversation(env: &Env) -> AddUserMessageRequest {
    let beginning = env.beginning(ADA, MARKER);
    env.ask(beginning.clone()).await.unwrap();
    let thread = &beginning.new_thread_id;
    env.say(env.answer(ADA, thread, MARKER)).await.unwrap();
    env.ask(env.question(ADA, thread, MARKER)).await.unwrap();
    for title in [MARKER, &format!("About {MARKER}")] {
        env.name(ADA, thread, title).await.unwrap();
    }
    beginning
}

#[tokio::test]
async fn what_is_said_enters_no_event() {
    let env = Env::start().await;
    secret_conversation(&env).await;
    // Each row as a whole, its bytes also in the clear.
    let rows: Vec<String> =
        sqlx::query_scalar("select encode(data, 'escape') || ' ' || to_jsonb(events)::text from events")
            .fetch_all(&env.pool())
            .await
            .unwrap();
    assert_eq!(rows.len(), 6);
    for row in rows {
        assert!(row.contains(ADA) && row.contains("thr_"), "the bytes are readable");
        assert!(!row.contains(MARKER) && !row.contains("input_text"), "{row}");
    }
    let effects: i64 =
        sqlx::query_scalar("select count(*) from effects").fetch_one(&env.pool()).await.unwrap();
    assert_eq!(effects, 0);
}

#[tokio::test]
async fn the_stored_text_is_the_one_whose_hash_was_recorded() {
    let env = Env::start().await;
    secret_conversation(&env).await;
    let proven: Vec<bool> = sqlx::query_scalar(
        "select position(sha256(i.payload) in e.data) > 0
         from items i join events e on e.stream = 'thread-' || i.thread_id and e.type = 'thread.item_added'
              and position(convert_to(i.id, 'UTF8') in e.data) > 0",
    )
    .fetch_all(&env.pool())
    .await
    .unwrap();
    assert_eq!(proven, [true; 3]);
}

#[tokio::test]
async fn events_are_published_and_read_through_the_event_log() {
    let env = Env::start().await;
    let nats = testkit::nats().await;
    let bus = nats.client().await;
    let mut messages = bus.subscribe("test.chat_thread.>").await.unwrap();
    bus.flush().await.unwrap();
    let (service, shutdown) = (env.service(&nats.url()).await, CancellationToken::new());
    let stop = shutdown.clone();
    let served = runtime::spawn("chat-thread", async move {
        runtime::serve(service, None, &SecretString::from("unused"), stop).await.unwrap();
    });
    let beginning = secret_conversation(&env).await;

    let log = EventLogClient::new(testkit::peer_for(env.service(NOWHERE).await.into_routes().unwrap()));
    let events = testkit::eventually("all events are in the log", || {
        let mut log = log.clone();
        async move {
            let request = ReadRequest { store: "chat_thread".to_owned(), after: 0, limit: 10 };
            let events = log.read(request).await.unwrap().into_inner().events;
            (events.len() == 6).then_some(events)
        }
    })
    .await;
    assert_events(&events, &beginning);
    for event in &events {
        let message = messages.next().await.unwrap();
        assert_eq!(message.subject.as_str(), format!("test.chat_thread.{}", event.r#type));
        assert_eq!(message.payload, event.data);
        let message = format!("{message:?}");
        assert!(!message.contains(MARKER), "{message}");
    }
    shutdown.cancel();
    served.await.unwrap();
}

fn assert_events(events: &[Event], beginning: &AddUserMessageRequest) {
    let thread = beginning.new_thread_id.as_str();
    let told: Vec<_> =
        events.iter().map(|event| (event.position, event.version, event.r#type.as_str())).collect();
    assert_eq!(
        told,
        [
            (1, 1, "thread.created"),
            (2, 2, "thread.item_added"),
            (3, 3, "thread.item_added"),
            (4, 4, "thread.item_added"),
            (5, 5, "thread.titled"),
            (6, 6, "thread.titled"),
        ]
    );
    assert!(events.iter().all(|event| event.stream == format!("thread-{thread}")));
    let created = ThreadCreated::decode(events[0].data.as_slice()).unwrap();
    assert_eq!((created.thread_id.as_str(), created.course_slug.as_str()), (thread, "rust"));
    let added: Vec<_> =
        events[1..4].iter().map(|event| ItemAdded::decode(event.data.as_slice()).unwrap()).collect();
    let kinds: Vec<_> = added.iter().map(|item| (item.seq, item.kind.as_str())).collect();
    assert_eq!(kinds, [(1, "user_message"), (2, "assistant_message"), (3, "user_message")]);
    assert_eq!((added[0].item_id.as_str(), added[0].owner_id.as_str()), (beginning.item_id.as_str(), ADA));
    let bytes = payload(MARKER).len();
    assert!(added.iter().all(|item| item.payload_bytes as usize == bytes && item.payload_sha256.len() == 32));
    let titled = ThreadTitled::decode(events[4].data.as_slice()).unwrap();
    assert_eq!((titled.thread_id.as_str(), titled.owner_id.as_str()), (thread, ADA));
}
