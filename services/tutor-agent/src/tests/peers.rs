//! Small versions of the services a turn talks to, over real tonic.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use api::chat_thread::chat_threads_server::{ChatThreads, ChatThreadsServer};
use api::chat_thread::*;
use api::curriculum::course_material_server::{CourseMaterial, CourseMaterialServer};
use api::curriculum::*;
use api::rate_limit::rate_limit_server::{RateLimit, RateLimitServer};
use api::rate_limit::*;
use futures::stream::BoxStream;
use kernel::{Error, ErrorCode};
use runtime::Peers;
use tonic::service::Routes;
use tonic::{Request, Response, Status};

type Answer<T> = Result<Response<T>, Status>;

#[derive(Default)]
pub struct Fakes {
    down: Mutex<BTreeSet<&'static str>>,
    /// Reservation id to "reserved", "settled" or "refunded".
    reservations: Mutex<BTreeMap<String, &'static str>>,
    threads: Mutex<BTreeMap<String, Thread>>,
    items: Mutex<Vec<Item>>,
    stores: Mutex<BTreeMap<String, u32>>,
    used_up: Mutex<bool>,
    republished: Mutex<bool>,
}

impl Fakes {
    pub fn serve(self: &Arc<Self>) -> Peers {
        let one = Fake(Arc::clone(self));
        testkit::peers_for([
            ("rate-limit", Routes::new(RateLimitServer::new(one.clone()))),
            ("chat-thread", Routes::new(ChatThreadsServer::new(one.clone()))),
            ("curriculum", Routes::new(CourseMaterialServer::new(one))),
        ])
    }

    /// From now on this call is answered as by a service that is away.
    pub fn stop(&self, call: &'static str) {
        lock(&self.down).insert(call);
    }

    pub fn resume(&self, call: &'static str) {
        lock(&self.down).remove(call);
    }

    pub fn republish(&self) {
        *lock(&self.republished) = true;
    }

    fn version(&self) -> String {
        if *lock(&self.republished) { "v2".into() } else { "v1".into() }
    }

    pub fn use_up_quota(&self) {
        *lock(&self.used_up) = true;
    }

    pub fn reservation(&self, turn_id: &str) -> Option<&'static str> {
        lock(&self.reservations).get(turn_id).copied()
    }

    pub fn reservations(&self) -> Vec<(String, &'static str)> {
        lock(&self.reservations).iter().map(|(id, state)| (id.clone(), *state)).collect()
    }

    pub fn items(&self, kind: ItemKind) -> Vec<Item> {
        lock(&self.items).iter().filter(|item| item.kind() == kind).cloned().collect()
    }

    pub fn add_thread(&self, id: &str, owner: &str, title: &str) {
        let thread =
            Thread { id: id.into(), owner_id: owner.into(), title: title.into(), ..Thread::default() };
        lock(&self.threads).insert(id.to_owned(), thread);
    }

    pub fn thread(&self, id: &str) -> Option<Thread> {
        lock(&self.threads).get(id).cloned()
    }

    /// Stores an item unless its id is known; counts the attempts.
    pub fn store(&self, item: Item) -> Item {
        *lock(&self.stores).entry(item.id.clone()).or_default() += 1;
        let mut items = lock(&self.items);
        if let Some(known) = items.iter().find(|known| known.id == item.id) {
            return known.clone();
        }
        let item = Item { seq: items.len() as u64 + 1, ..item };
        items.push(item.clone());
        item
    }

    fn check(&self, call: &'static str) -> Result<(), Status> {
        if lock(&self.down).contains(call) {
            return Err(api::to_status(&Error::unavailable("away for this test")));
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

fn denied<T>(error: &Error) -> Answer<T> {
    Err(api::to_status(error))
}

#[derive(Clone)]
struct Fake(Arc<Fakes>);

#[tonic::async_trait]
impl RateLimit for Fake {
    async fn reserve(&self, request: Request<ReserveRequest>) -> Answer<ReserveResponse> {
        self.0.check("reserve")?;
        if *lock(&self.0.used_up) {
            let error = Error::new(ErrorCode::ResourceExhausted, "QUOTA_EXCEEDED", "20 messages in 24 hours");
            return denied(&error.with("limit", "20").with("remaining", "0"));
        }
        let mut reservations = lock(&self.0.reservations);
        reservations.insert(request.into_inner().reservation_id, "reserved");
        let used = u32::try_from(reservations.len()).unwrap();
        let quota = QuotaState { limit: Some(20), remaining: Some(20 - used), resets_at: None };
        Ok(Response::new(ReserveResponse { quota: Some(quota) }))
    }

    async fn settle(&self, request: Request<SettleRequest>) -> Answer<SettleResponse> {
        self.0.check("settle")?;
        let before = lock(&self.0.reservations).insert(request.into_inner().reservation_id, "settled");
        assert_ne!(before, Some("refunded"), "settled after it was refunded");
        Ok(Response::new(SettleResponse {}))
    }

    async fn refund(&self, request: Request<RefundRequest>) -> Answer<RefundResponse> {
        self.0.check("refund")?;
        let before = lock(&self.0.reservations).insert(request.into_inner().reservation_id, "refunded");
        assert_ne!(before, Some("settled"), "refunded after it was settled");
        Ok(Response::new(RefundResponse {}))
    }

    async fn get_quota(&self, _: Request<GetQuotaRequest>) -> Answer<GetQuotaResponse> {
        Err(Status::unimplemented("not asked for"))
    }
}

impl Fake {
    fn owned(&self, user_id: &str, thread_id: &str) -> Result<Thread, Status> {
        let thread = self.0.thread(thread_id).filter(|thread| thread.owner_id == user_id);
        thread
            .ok_or_else(|| api::to_status(&Error::not_found("THREAD_NOT_FOUND", "There is no such thread.")))
    }
}

#[tonic::async_trait]
impl ChatThreads for Fake {
    async fn add_user_message(
        &self,
        request: Request<AddUserMessageRequest>,
    ) -> Answer<AddUserMessageResponse> {
        self.0.check("add_user_message")?;
        let request = request.into_inner();
        let thread_created = request.thread_id.is_none();
        let id = request.thread_id.unwrap_or(request.new_thread_id);
        if thread_created {
            self.0.add_thread(&id, &request.user_id, "");
        }
        let thread = self.owned(&request.user_id, &id)?;
        let item = self.0.store(Item {
            id: request.item_id,
            thread_id: id,
            kind: ItemKind::UserMessage.into(),
            payload_json: request.payload_json,
            ..Item::default()
        });
        Ok(Response::new(AddUserMessageResponse { thread: Some(thread), item: Some(item), thread_created }))
    }

    async fn add_assistant_message(
        &self,
        request: Request<AddAssistantMessageRequest>,
    ) -> Answer<AddAssistantMessageResponse> {
        self.0.check("add_assistant_message")?;
        let request = request.into_inner();
        self.owned(&request.user_id, &request.thread_id)?;
        let item = self.0.store(Item {
            id: request.item_id,
            thread_id: request.thread_id,
            kind: ItemKind::AssistantMessage.into(),
            payload_json: request.payload_json,
            ..Item::default()
        });
        Ok(Response::new(AddAssistantMessageResponse { item: Some(item) }))
    }

    async fn set_title(&self, request: Request<SetTitleRequest>) -> Answer<SetTitleResponse> {
        let request = request.into_inner();
        self.owned(&request.user_id, &request.thread_id)?;
        self.0.add_thread(&request.thread_id, &request.user_id, &request.title);
        Ok(Response::new(SetTitleResponse { thread: self.0.thread(&request.thread_id) }))
    }

    async fn list_threads(&self, _: Request<ListThreadsRequest>) -> Answer<ListThreadsResponse> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn get_thread(&self, request: Request<GetThreadRequest>) -> Answer<GetThreadResponse> {
        let request = request.into_inner();
        let thread = self.owned(&request.user_id, &request.thread_id)?;
        Ok(Response::new(GetThreadResponse { thread: Some(thread) }))
    }

    async fn list_items(&self, request: Request<ListItemsRequest>) -> Answer<ListItemsResponse> {
        let request = request.into_inner();
        self.owned(&request.user_id, &request.thread_id)?;
        let items = lock(&self.0.items);
        let of_thread = items.iter().rev().filter(|item| item.thread_id == request.thread_id);
        let items = of_thread.take(request.limit as usize).cloned().collect();
        Ok(Response::new(ListItemsResponse { items, has_more: false }))
    }

    async fn get_item(&self, request: Request<GetItemRequest>) -> Answer<GetItemResponse> {
        self.0.check("get_item")?;
        let id = request.into_inner().item_id;
        let item = lock(&self.0.items).iter().find(|item| item.id == id).cloned();
        match item {
            Some(item) => Ok(Response::new(GetItemResponse { item: Some(item) })),
            None => denied(&Error::not_found("ITEM_NOT_FOUND", "There is no such item.")),
        }
    }
}

fn passage(lesson: &str, stage: u32, heading: &str, text: &str) -> Passage {
    Passage {
        id: format!("{lesson}#{heading}/1"),
        lesson_slug: lesson.into(),
        lesson_title: lesson.into(),
        stage,
        anchor: heading.to_lowercase(),
        breadcrumb: ["Rust", "Stage", lesson, heading].map(str::to_owned).to_vec(),
        text: text.into(),
        order: 1,
    }
}

#[tonic::async_trait]
impl CourseMaterial for Fake {
    type ListPassagesStream = BoxStream<'static, Result<Passage, Status>>;

    async fn get_access(&self, request: Request<GetAccessRequest>) -> Answer<GetAccessResponse> {
        let request = request.into_inner();
        match request.course_slug.as_str() {
            "rust" => Ok(Response::new(GetAccessResponse {
                course_id: "crs_rust".into(),
                version: self.0.version(),
                course_title: "Rust".into(),
                highest_stage: 1,
                lesson_stage: [("ownership", 1), ("borrowing", 1), ("traits", 2)]
                    .map(|(slug, stage)| (slug.to_owned(), stage))
                    .into(),
            })),
            "maths" => denied(&Error::denied("NOT_ENROLLED", "Enrol first.")),
            _ => denied(&Error::not_found("COURSE_NOT_FOUND", "There is no such course.")),
        }
    }

    async fn list_versions(&self, _: Request<ListVersionsRequest>) -> Answer<ListVersionsResponse> {
        let version =
            CourseVersion { course_id: "crs_rust".into(), slug: "rust".into(), version: self.0.version() };
        Ok(Response::new(ListVersionsResponse { versions: vec![version] }))
    }

    async fn list_passages(&self, _: Request<ListPassagesRequest>) -> Answer<Self::ListPassagesStream> {
        let passages = [
            passage(
                "ownership",
                1,
                "Moves",
                "Assigning a String moves it to the new variable. The old one is no longer valid.",
            ),
            passage(
                "borrowing",
                1,
                "References",
                "A reference borrows a String without taking ownership of it.",
            ),
            passage(
                "traits",
                2,
                "Traits",
                "LOCKED: a trait may take a String and move it, ownership included.",
            ),
        ];
        Ok(Response::new(Box::pin(futures::stream::iter(passages.map(Ok)))))
    }

    async fn get_answer_keys(&self, request: Request<GetAnswerKeysRequest>) -> Answer<GetAnswerKeysResponse> {
        self.0.check("get_answer_keys")?;
        let key = AnswerKey {
            exercise_id: "e1".into(),
            answer_key: "It prints 1729.".into(),
            answer_forms: vec!["1729".into()],
            ..AnswerKey::default()
        };
        let keys = if request.into_inner().lesson_slug == "ownership" { vec![key] } else { vec![] };
        Ok(Response::new(GetAnswerKeysResponse { keys }))
    }
}
