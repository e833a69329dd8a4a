//! Reads that decide nothing and hold nothing. Rows of a conversation are only ever added, so the
//! statements of one read need no common snapshot.

use kernel::{Error, ThreadId, UserId};

use crate::commands::Cx;
use crate::domain::id;
use crate::domain::page::{self, Order, Page};
use crate::domain::thread::{Item, Thread};
use crate::error;
use crate::postgres::{items, threads};

const MOST_THREADS: u32 = 100;
const MOST_ITEMS: u32 = 200;

/// Which part of a list is asked for.
#[derive(Debug)]
pub(crate) struct Part {
    /// 0: the default.
    pub(crate) limit: u32,
    /// Id of the last one seen.
    pub(crate) after: Option<String>,
    pub(crate) order: Order,
}

/// The user's threads by creation.
pub(crate) async fn list_threads(cx: &Cx, user: &UserId, part: Part) -> Result<Page<Thread>, Error> {
    let after = match part.after {
        Some(cursor) => {
            let id = id::thread_id(&cursor).ok_or_else(error::unknown_cursor)?;
            let thread = threads::find(cx.store.pool(), &id).await?;
            Some(thread.and_then(|thread| thread.of(user)).ok_or_else(error::unknown_cursor)?)
        }
        None => None,
    };
    let limit = page::limit(part.limit, MOST_THREADS);
    Ok(threads::list(cx.store.pool(), user, after.as_ref(), part.order, limit).await?)
}

pub(crate) async fn get_thread(cx: &Cx, user: &UserId, thread: &ThreadId) -> Result<Thread, Error> {
    let found = threads::find(cx.store.pool(), thread).await?;
    found.and_then(|thread| thread.of(user)).ok_or_else(error::thread_not_found)
}

/// The thread's items by their number.
pub(crate) async fn list_items(
    cx: &Cx,
    user: &UserId,
    thread: &ThreadId,
    part: Part,
) -> Result<Page<Item>, Error> {
    get_thread(cx, user, thread).await?;
    let after = match part.after {
        Some(cursor) => Some(find_item(cx, thread, &cursor).await?.ok_or_else(error::unknown_cursor)?.seq),
        None => None,
    };
    let limit = page::limit(part.limit, MOST_ITEMS);
    Ok(items::list(cx.store.pool(), thread, after, part.order, limit).await?)
}

pub(crate) async fn get_item(cx: &Cx, user: &UserId, thread: &ThreadId, item: &str) -> Result<Item, Error> {
    get_thread(cx, user, thread).await?;
    find_item(cx, thread, item).await?.ok_or_else(error::item_not_found)
}

async fn find_item(cx: &Cx, thread: &ThreadId, item: &str) -> Result<Option<Item>, Error> {
    let Some(id) = id::item_id(item) else { return Ok(None) };
    let found = items::find(cx.store.pool(), &id).await?;
    Ok(found.filter(|item| item.thread_id == *thread))
}
