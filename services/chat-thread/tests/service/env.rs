use std::sync::Arc;

use api::chat_thread::chat_threads_client::ChatThreadsClient;
use api::chat_thread::{
    AddAssistantMessageRequest, AddUserMessageRequest, AddUserMessageResponse, GetItemRequest,
    GetThreadRequest, Item, ListItemsRequest, ListItemsResponse, ListThreadsRequest, ListThreadsResponse,
    Order, SetTitleRequest, Thread,
};
use chat_thread::Options;
use kernel::{Error, ErrorCode, ItemId, ManualClock, SeededEntropy, ThreadId};
use runtime::{Deps, Health, PeerChannel, Service};
use secrecy::SecretString;
use sqlx::PgPool;
use testkit::TestDb;
use tonic::{Response, Status};

pub const ADA: &str = "AdaAdaAdaAdaAdaAdaAdaAdaAdaAda01";
pub const GRACE: &str = "GraceGraceGraceGraceGraceGrace02";
/// Nobody answers there: a conversation must not need the bus.
pub const NOWHERE: &str = "nats://127.0.0.1:1";

/// A running chat-thread service with a database of its own.
pub struct Env {
    pub db: TestDb,
    pub clock: Arc<ManualClock>,
    pub entropy: Arc<SeededEntropy>,
    pub client: ChatThreadsClient<PeerChannel>,
}

impl Env {
    pub async fn start() -> Self {
        let migrators = [&eventstore::MIGRATOR, &projection::MIGRATOR, &chat_thread::MIGRATOR];
        let db = testkit::database(&[(chat_thread::SCHEMA, &migrators)]).await;
        let (clock, entropy) = (testkit::clock(), testkit::entropy());
        let service = service(&db, &clock, NOWHERE).await;
        let client = ChatThreadsClient::new(testkit::peer_for(service.into_routes().unwrap()));
        Self { db, clock, entropy, client }
    }

    /// Another process over the same database.
    pub async fn replica(&self) -> ChatThreadsClient<PeerChannel> {
        let service = self.service(NOWHERE).await;
        ChatThreadsClient::new(testkit::peer_for(service.into_routes().unwrap()))
    }

    /// The service with its background work, not yet running.
    pub async fn service(&self, bus: &str) -> Service {
        service(&self.db, &self.clock, bus).await
    }

    pub fn pool(&self) -> PgPool {
        self.db.pool(chat_thread::SCHEMA)
    }

    pub fn thread_id(&self) -> String {
        ThreadId::generate(self.entropy.as_ref()).into_string()
    }

    pub fn item_id(&self) -> String {
        ItemId::generate(self.entropy.as_ref()).into_string()
    }

    /// A request to begin a thread.
    pub fn beginning(&self, user: &str, text: &str) -> AddUserMessageRequest {
        AddUserMessageRequest {
            user_id: user.to_owned(),
            thread_id: None,
            new_thread_id: self.thread_id(),
            item_id: self.item_id(),
            payload_json: payload(text),
            course_slug: "rust".to_owned(),
        }
    }

    /// A request to ask on in a thread.
    pub fn question(&self, user: &str, thread: &str, text: &str) -> AddUserMessageRequest {
        AddUserMessageRequest {
            thread_id: Some(thread.to_owned()),
            // As the tutor calls it.
            new_thread_id: thread.to_owned(),
            ..self.beginning(user, text)
        }
    }

    pub fn answer(&self, user: &str, thread: &str, text: &str) -> AddAssistantMessageRequest {
        AddAssistantMessageRequest {
            user_id: user.to_owned(),
            thread_id: thread.to_owned(),
            item_id: self.item_id(),
            payload_json: payload(text),
        }
    }

    /// A new thread with one message; its id.
    pub async fn thread(&self, user: &str, text: &str) -> String {
        self.ask(self.beginning(user, text)).await.unwrap().thread.unwrap().id
    }

    /// A new thread with `count` messages, and the ids of these.
    pub async fn conversation(&self, user: &str, count: usize) -> (String, Vec<String>) {
        let begun = self.ask(self.beginning(user, "1")).await.unwrap();
        let (thread, mut items) = (begun.thread.unwrap().id, vec![begun.item.unwrap().id]);
        while items.len() < count {
            let answer = self.answer(user, &thread, &items.len().to_string());
            items.push(self.say(answer).await.unwrap().id);
        }
        (thread, items)
    }

    pub async fn ask(&self, request: AddUserMessageRequest) -> Result<AddUserMessageResponse, Error> {
        answer(self.client.clone().add_user_message(request).await)
    }

    pub async fn say(&self, request: AddAssistantMessageRequest) -> Result<Item, Error> {
        Ok(answer(self.client.clone().add_assistant_message(request).await)?.item.unwrap())
    }

    pub async fn name(&self, user: &str, thread: &str, title: &str) -> Result<Thread, Error> {
        let request = SetTitleRequest {
            user_id: user.to_owned(),
            thread_id: thread.to_owned(),
            title: title.to_owned(),
        };
        Ok(answer(self.client.clone().set_title(request).await)?.thread.unwrap())
    }

    pub async fn get(&self, user: &str, thread: &str) -> Result<Thread, Error> {
        let request = GetThreadRequest { user_id: user.to_owned(), thread_id: thread.to_owned() };
        Ok(answer(self.client.clone().get_thread(request).await)?.thread.unwrap())
    }

    pub async fn item(&self, user: &str, thread: &str, item: &str) -> Result<Item, Error> {
        let request = GetItemRequest {
            user_id: user.to_owned(),
            thread_id: thread.to_owned(),
            item_id: item.to_owned(),
        };
        Ok(answer(self.client.clone().get_item(request).await)?.item.unwrap())
    }

    pub async fn threads(
        &self,
        user: &str,
        order: Order,
        limit: u32,
        after: Option<&str>,
    ) -> Result<ListThreadsResponse, Error> {
        let request = ListThreadsRequest {
            user_id: user.to_owned(),
            limit,
            after: after.map(str::to_owned),
            order: order.into(),
        };
        answer(self.client.clone().list_threads(request).await)
    }

    /// Items of a thread of Ada's.
    pub async fn items(
        &self,
        thread: &str,
        order: Order,
        limit: u32,
        after: Option<&str>,
    ) -> Result<ListItemsResponse, Error> {
        self.items_as(
            ADA,
            ListItemsRequest {
                thread_id: thread.to_owned(),
                limit,
                after: after.map(str::to_owned),
                order: order.into(),
                ..ListItemsRequest::default()
            },
        )
        .await
    }

    pub async fn items_as(&self, user: &str, request: ListItemsRequest) -> Result<ListItemsResponse, Error> {
        let request = ListItemsRequest { user_id: user.to_owned(), ..request };
        answer(self.client.clone().list_items(request).await)
    }

    /// The types of a thread's events, in order.
    pub async fn story(&self, thread: &str) -> Vec<String> {
        let query = sqlx::query_scalar("select type from events where stream = $1 order by version");
        query.bind(format!("thread-{thread}")).fetch_all(&self.pool()).await.unwrap()
    }
}

pub fn payload(text: &str) -> Vec<u8> {
    format!("{{\"content\": [{{\"type\":\"input_text\",\"text\":\"{text}\"}}]}}").into_bytes()
}

/// A payload of exactly this many bytes.
pub fn payload_of(bytes: usize) -> Vec<u8> {
    format!("{{\"a\":\"{}\"}}", "x".repeat(bytes - 8)).into_bytes()
}

pub fn answer<T>(outcome: Result<Response<T>, Status>) -> Result<T, Error> {
    outcome.map(Response::into_inner).map_err(|status| api::from_status(&status))
}

#[track_caller]
pub fn assert_refused<T: std::fmt::Debug>(outcome: Result<T, Error>, code: ErrorCode, reason: &str) {
    let error = outcome.unwrap_err();
    assert_eq!((error.code, &*error.reason), (code, reason));
}

async fn service(db: &TestDb, clock: &Arc<ManualClock>, bus: &str) -> Service {
    let deps = Deps {
        clock: Arc::clone(clock) as _,
        entropy: testkit::entropy(),
        pool: db.pool(chat_thread::SCHEMA),
        nats: runtime::bus(&SecretString::from(bus), "test").await.unwrap(),
        namespace: "test".to_owned(),
        peers: testkit::peers_for([]),
        health: Health::default(),
    };
    chat_thread::build(Options::default(), deps).unwrap()
}
