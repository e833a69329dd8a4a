//! Translate, call, translate.

use api::chat_thread::chat_threads_server::ChatThreads;
use api::chat_thread::{
    self as wire, AddAssistantMessageRequest, AddAssistantMessageResponse, AddUserMessageRequest,
    AddUserMessageResponse, GetItemRequest, GetItemResponse, GetThreadRequest, GetThreadResponse, ItemKind,
    ListItemsRequest, ListItemsResponse, ListThreadsRequest, ListThreadsResponse, SetTitleRequest,
    SetTitleResponse,
};
use async_trait::async_trait;
use kernel::{Error, ItemId, ThreadId, UserId};
use tonic::{Request, Response, Status};

use crate::commands::{
    AddUserMessage, Cx, Place, SetTitle, add_assistant_message, add_user_message, set_title,
};
use crate::domain::id;
use crate::domain::page::Order;
use crate::domain::payload::Payload;
use crate::domain::thread::{Item, Kind, Message, Thread};
use crate::error;
use crate::queries::{self, Part};

#[derive(Debug)]
pub(crate) struct Grpc(pub(crate) Cx);

type Answer<T> = Result<Response<T>, Status>;

#[async_trait]
impl ChatThreads for Grpc {
    async fn add_user_message(
        &self,
        request: Request<AddUserMessageRequest>,
    ) -> Answer<AddUserMessageResponse> {
        let command = user_message(request.into_inner()).map_err(status)?;
        let (thread, item) = add_user_message(&self.0, command).await.map_err(status)?;
        let thread_created = item.began_its_thread();
        Ok(Response::new(AddUserMessageResponse {
            thread: Some(thread_to_wire(thread)),
            item: Some(item_to_wire(item)),
            thread_created,
        }))
    }

    async fn add_assistant_message(
        &self,
        request: Request<AddAssistantMessageRequest>,
    ) -> Answer<AddAssistantMessageResponse> {
        let message = assistant_message(request.into_inner()).map_err(status)?;
        let item = add_assistant_message(&self.0, message).await.map_err(status)?;
        Ok(Response::new(AddAssistantMessageResponse { item: Some(item_to_wire(item)) }))
    }

    async fn set_title(&self, request: Request<SetTitleRequest>) -> Answer<SetTitleResponse> {
        let SetTitleRequest { user_id, thread_id, title } = request.into_inner();
        let (user, thread) = owned(user_id, &thread_id).map_err(status)?;
        let thread = set_title(&self.0, SetTitle { user, thread, title }).await.map_err(status)?;
        Ok(Response::new(SetTitleResponse { thread: Some(thread_to_wire(thread)) }))
    }

    async fn list_threads(&self, request: Request<ListThreadsRequest>) -> Answer<ListThreadsResponse> {
        let request = request.into_inner();
        let order = order(request.order());
        let user = user(request.user_id).map_err(status)?;
        let part = Part { limit: request.limit, after: request.after, order };
        let page = queries::list_threads(&self.0, &user, part).await.map_err(status)?;
        let threads = page.rows.into_iter().map(thread_to_wire).collect();
        Ok(Response::new(ListThreadsResponse { threads, has_more: page.has_more }))
    }

    async fn get_thread(&self, request: Request<GetThreadRequest>) -> Answer<GetThreadResponse> {
        let GetThreadRequest { user_id, thread_id } = request.into_inner();
        let (user, thread) = owned(user_id, &thread_id).map_err(status)?;
        let thread = queries::get_thread(&self.0, &user, &thread).await.map_err(status)?;
        Ok(Response::new(GetThreadResponse { thread: Some(thread_to_wire(thread)) }))
    }

    async fn list_items(&self, request: Request<ListItemsRequest>) -> Answer<ListItemsResponse> {
        let request = request.into_inner();
        let order = order(request.order());
        let (user, thread) = owned(request.user_id, &request.thread_id).map_err(status)?;
        let part = Part { limit: request.limit, after: request.after, order };
        let page = queries::list_items(&self.0, &user, &thread, part).await.map_err(status)?;
        let items = page.rows.into_iter().map(item_to_wire).collect();
        Ok(Response::new(ListItemsResponse { items, has_more: page.has_more }))
    }

    async fn get_item(&self, request: Request<GetItemRequest>) -> Answer<GetItemResponse> {
        let GetItemRequest { user_id, thread_id, item_id } = request.into_inner();
        let (user, thread) = owned(user_id, &thread_id).map_err(status)?;
        let item = queries::get_item(&self.0, &user, &thread, &item_id).await.map_err(status)?;
        Ok(Response::new(GetItemResponse { item: Some(item_to_wire(item)) }))
    }
}

fn status(error: Error) -> Status {
    api::to_status(&error)
}

fn user_message(request: AddUserMessageRequest) -> Result<AddUserMessage, Error> {
    let user = user(request.user_id)?;
    // Without a thread yet, its id is made by the caller; with one, the other id means nothing.
    let place = match request.thread_id {
        Some(thread) => Place::Thread(existing(&thread)?),
        None => Place::NewThread {
            id: id::thread_id(&request.new_thread_id).ok_or_else(error::invalid_thread_id)?,
            course_slug: request.course_slug,
        },
    };
    let (item, payload) = said(&request.item_id, request.payload_json)?;
    Ok(AddUserMessage { user, place, item, payload })
}

fn assistant_message(request: AddAssistantMessageRequest) -> Result<Message, Error> {
    let (by, thread_id) = owned(request.user_id, &request.thread_id)?;
    let (item_id, payload) = said(&request.item_id, request.payload_json)?;
    Ok(Message { by, thread_id, item_id, kind: Kind::AssistantMessage, payload })
}

fn said(item: &str, payload: Vec<u8>) -> Result<(ItemId, Payload), Error> {
    let item = id::item_id(item).ok_or_else(error::invalid_item_id)?;
    Ok((item, Payload::parse(payload)?))
}

fn owned(user_id: String, thread: &str) -> Result<(UserId, ThreadId), Error> {
    Ok((user(user_id)?, existing(thread)?))
}

fn user(id: String) -> Result<UserId, Error> {
    if id.is_empty() { Err(error::unauthenticated()) } else { Ok(UserId::from(id)) }
}

/// What is no id is no thread's id.
fn existing(thread: &str) -> Result<ThreadId, Error> {
    id::thread_id(thread).ok_or_else(error::thread_not_found)
}

fn order(order: wire::Order) -> Order {
    match order {
        wire::Order::Asc => Order::Ascending,
        wire::Order::Desc | wire::Order::Unspecified => Order::Descending,
    }
}

fn thread_to_wire(thread: Thread) -> wire::Thread {
    wire::Thread {
        id: thread.id.into_string(),
        owner_id: thread.owner.into_string(),
        title: thread.title,
        created_at: Some(api::timestamp(thread.created_at)),
        course_slug: thread.course_slug,
    }
}

fn item_to_wire(item: Item) -> wire::Item {
    let kind = match item.kind {
        Kind::UserMessage => ItemKind::UserMessage,
        Kind::AssistantMessage => ItemKind::AssistantMessage,
    };
    wire::Item {
        id: item.id.into_string(),
        thread_id: item.thread_id.into_string(),
        seq: item.seq,
        kind: kind.into(),
        created_at: Some(api::timestamp(item.created_at)),
        payload_json: item.payload.into_bytes(),
    }
}
