//! The other services, in the words of a turn.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::chat_thread::chat_threads_client::ChatThreadsClient;
use api::chat_thread::{
    AddAssistantMessageRequest, AddUserMessageRequest, AddUserMessageResponse, GetItemRequest,
    GetThreadRequest, Item, ListItemsRequest, Order, SetTitleRequest, Thread,
};
use api::common::Caller;
use api::curriculum::course_material_client::CourseMaterialClient;
use api::curriculum::{
    AnswerKey, GetAccessRequest, GetAnswerKeysRequest, ListPassagesRequest, ListVersionsRequest,
};
use api::rate_limit::rate_limit_client::RateLimitClient;
use api::rate_limit::{QuotaState, RefundRequest, ReserveRequest, SettleRequest};
use kernel::{Error, ErrorCode, Retry};
use runtime::{PeerChannel, Peers};
use tonic::{Response, Status};

use crate::domain::access::Access;
use crate::retrieval::{IndexedVersion, Passage};

/// Answer keys never change within a version; this many lessons are remembered.
const REMEMBERED_LESSONS: usize = 512;

fn answered<T>(outcome: Result<Response<T>, Status>) -> Result<T, Error> {
    outcome.map(Response::into_inner).map_err(|status| api::from_status(&status))
}

/// A member of an answer that is always there.
fn required<T>(member: Option<T>) -> Result<T, Error> {
    member.ok_or_else(|| {
        tracing::error!("a peer's answer lacks a member");
        Error::internal()
    })
}

/// Tries again, with growing pauses, what waiting can mend; for at most `patience`.
///
/// # Errors
/// The last one.
pub async fn patiently<T, F, Fut>(patience: Duration, mut call: F) -> Result<T, Error>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, Error>>,
{
    let begun = tokio::time::Instant::now();
    let mut pause = Duration::from_millis(50);
    loop {
        match call().await {
            Err(error) if error.retry != Retry::Never && begun.elapsed() + pause < patience => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
            outcome => return outcome,
        }
    }
}

/// The message quota.
#[derive(Debug, Clone)]
pub struct Quotas(RateLimitClient<PeerChannel>);

impl Quotas {
    pub fn new(peers: &Peers) -> Self {
        Self(RateLimitClient::new(peers.channel("rate-limit")))
    }

    pub async fn reserve(&self, turn_id: &str, caller: &Caller) -> Result<QuotaState, Error> {
        let request = ReserveRequest { reservation_id: turn_id.to_owned(), caller: Some(caller.clone()) };
        required(answered(self.0.clone().reserve(request).await)?.quota)
    }

    pub async fn settle(&self, turn_id: &str, user_id: &str) -> Result<(), Error> {
        let request = SettleRequest { reservation_id: turn_id.to_owned(), user_id: user_id.to_owned() };
        forgiving(answered(self.0.clone().settle(request).await).map(drop))
    }

    pub async fn refund(&self, turn_id: &str, user_id: &str, reason: &str) -> Result<(), Error> {
        let request = RefundRequest {
            reservation_id: turn_id.to_owned(),
            user_id: user_id.to_owned(),
            reason: reason.to_owned(),
        };
        forgiving(answered(self.0.clone().refund(request).await).map(drop))
    }
}

/// A reservation that is gone or closed already is as settled as it will ever be.
fn forgiving(outcome: Result<(), Error>) -> Result<(), Error> {
    match outcome {
        Err(error) if matches!(error.code, ErrorCode::NotFound | ErrorCode::FailedPrecondition) => {
            tracing::warn!(%error, "a reservation could not be closed");
            Ok(())
        }
        other => other,
    }
}

/// Conversations.
#[derive(Debug, Clone)]
pub struct Threads(ChatThreadsClient<PeerChannel>);

impl Threads {
    pub fn new(peers: &Peers) -> Self {
        Self(ChatThreadsClient::new(peers.channel("chat-thread")))
    }

    pub async fn thread(&self, user_id: &str, thread_id: &str) -> Result<Thread, Error> {
        let request = GetThreadRequest { user_id: user_id.to_owned(), thread_id: thread_id.to_owned() };
        required(answered(self.0.clone().get_thread(request).await)?.thread)
    }

    pub async fn add_question(
        &self,
        request: AddUserMessageRequest,
    ) -> Result<AddUserMessageResponse, Error> {
        answered(self.0.clone().add_user_message(request).await)
    }

    pub async fn add_answer(&self, request: AddAssistantMessageRequest) -> Result<Item, Error> {
        required(answered(self.0.clone().add_assistant_message(request).await)?.item)
    }

    pub async fn set_title(&self, user_id: &str, thread_id: &str, title: &str) -> Result<Thread, Error> {
        let request = SetTitleRequest {
            user_id: user_id.to_owned(),
            thread_id: thread_id.to_owned(),
            title: title.to_owned(),
        };
        required(answered(self.0.clone().set_title(request).await)?.thread)
    }

    /// The latest items, oldest first.
    pub async fn recent(&self, user_id: &str, thread_id: &str, limit: u32) -> Result<Vec<Item>, Error> {
        let request = ListItemsRequest {
            user_id: user_id.to_owned(),
            thread_id: thread_id.to_owned(),
            limit,
            after: None,
            order: Order::Desc.into(),
        };
        let mut items = answered(self.0.clone().list_items(request).await)?.items;
        items.reverse();
        Ok(items)
    }

    /// `None` when there is no such item.
    pub async fn item(&self, user_id: &str, thread_id: &str, item_id: &str) -> Result<Option<Item>, Error> {
        let request = GetItemRequest {
            user_id: user_id.to_owned(),
            thread_id: thread_id.to_owned(),
            item_id: item_id.to_owned(),
        };
        match answered(self.0.clone().get_item(request).await) {
            Ok(response) => Ok(response.item),
            Err(error) if error.code == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

type KeysOfLesson = HashMap<(String, String, String), Arc<Vec<AnswerKey>>>;

/// What curriculum tells the tutor alone.
#[derive(Debug, Clone)]
pub struct Material {
    client: CourseMaterialClient<PeerChannel>,
    keys: Arc<Mutex<KeysOfLesson>>,
}

impl Material {
    pub fn new(peers: &Peers) -> Self {
        Self { client: CourseMaterialClient::new(peers.channel("curriculum")), keys: Arc::default() }
    }

    pub async fn access(&self, course_slug: &str, caller: &Caller) -> Result<Access, Error> {
        let request = GetAccessRequest { course_slug: course_slug.to_owned(), caller: Some(caller.clone()) };
        Ok(Access::new(course_slug, answered(self.client.clone().get_access(request).await)?))
    }

    pub async fn versions(&self) -> Result<Vec<IndexedVersion>, Error> {
        let versions = answered(self.client.clone().list_versions(ListVersionsRequest {}).await)?.versions;
        let version = |course: api::curriculum::CourseVersion| IndexedVersion {
            course_id: course.course_id,
            version: course.version,
        };
        Ok(versions.into_iter().map(version).collect())
    }

    pub async fn passages(&self, course: &IndexedVersion) -> Result<Vec<Passage>, Error> {
        let request =
            ListPassagesRequest { course_id: course.course_id.clone(), version: course.version.clone() };
        let mut stream = answered(self.client.clone().list_passages(request).await)?;
        let mut passages = Vec::new();
        while let Some(passage) = stream.message().await.map_err(|status| api::from_status(&status))? {
            passages.push(Passage::from(passage));
        }
        Ok(passages)
    }

    pub async fn answer_keys(
        &self,
        access: &Access,
        lesson_slug: &str,
    ) -> Result<Arc<Vec<AnswerKey>>, Error> {
        let lesson = (access.course_id.clone(), access.version.clone(), lesson_slug.to_owned());
        if let Some(keys) = self.remembered().get(&lesson) {
            return Ok(Arc::clone(keys));
        }
        let request = GetAnswerKeysRequest {
            course_id: lesson.0.clone(),
            version: lesson.1.clone(),
            lesson_slug: lesson.2.clone(),
        };
        let keys = Arc::new(answered(self.client.clone().get_answer_keys(request).await)?.keys);
        let mut remembered = self.remembered();
        if remembered.len() >= REMEMBERED_LESSONS {
            remembered.clear();
        }
        remembered.insert(lesson, Arc::clone(&keys));
        Ok(keys)
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, KeysOfLesson> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
