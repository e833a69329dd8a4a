use api::chat_thread::{self, GetThreadRequest, ListItemsRequest, ListItemsResponse, ListThreadsRequest};
use axum::Json;
use axum::response::{IntoResponse, Response};
use kernel::Error;

use super::error::ChatError;
use super::render;
use super::request::{Order, PageQuery};
use crate::state::App;

/// Items that come with `threads.get_by_id`: the oldest ones, ascending.
const EMBEDDED: u32 = 20;

pub async fn list(app: &App, user_id: &str, page: PageQuery) -> Result<Response, ChatError> {
    let request = ListThreadsRequest {
        user_id: user_id.to_owned(),
        limit: limit(page.limit),
        order: order(page.order).into(),
        after: page.after,
    };
    let answer = app.chat_threads().list_threads(request).await?.into_inner();
    let threads = answer.threads.iter().map(|thread| render::thread(thread, render::empty_page())).collect();
    Ok(Json(render::page(threads, answer.has_more)).into_response())
}

pub async fn get(app: &App, user_id: &str, thread_id: String) -> Result<Response, ChatError> {
    let request = GetThreadRequest { user_id: user_id.to_owned(), thread_id: thread_id.clone() };
    let thread =
        app.chat_threads().get_thread(request).await?.into_inner().thread.ok_or_else(Error::internal)?;
    let first = ListItemsRequest {
        user_id: user_id.to_owned(),
        thread_id,
        limit: EMBEDDED,
        after: None,
        order: chat_thread::Order::Asc.into(),
    };
    let items = app.chat_threads().list_items(first).await?.into_inner();
    Ok(Json(render::thread(&thread, items_page(&items))).into_response())
}

pub async fn items(
    app: &App,
    user_id: &str,
    thread_id: String,
    page: PageQuery,
) -> Result<Response, ChatError> {
    let request = ListItemsRequest {
        user_id: user_id.to_owned(),
        thread_id,
        limit: limit(page.limit),
        order: order(page.order).into(),
        after: page.after,
    };
    let answer = app.chat_threads().list_items(request).await?.into_inner();
    Ok(Json(items_page(&answer)).into_response())
}

fn items_page(answer: &ListItemsResponse) -> serde_json::Value {
    render::page(answer.items.iter().map(render::item).collect(), answer.has_more)
}

/// Missing, zero and negative all mean the default; the owner of the threads sets the maximum.
fn limit(limit: Option<i64>) -> u32 {
    u32::try_from(limit.unwrap_or(0).max(0)).unwrap_or(u32::MAX)
}

fn order(order: Order) -> chat_thread::Order {
    match order {
        Order::Asc => chat_thread::Order::Asc,
        Order::Desc => chat_thread::Order::Desc,
    }
}
