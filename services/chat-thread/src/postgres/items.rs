use eventstore::StoreError;
use futures::TryStreamExt;
use kernel::{ItemId, ThreadId};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor, PgPool, Row};

use crate::domain::page::{Order, Page};
use crate::domain::payload::Payload;
use crate::domain::thread::{Item, Kind};

/// Name of the constraint that an id taken twice violates.
pub(crate) const PRIMARY_KEY: &str = "items_pkey";

/// A page holds no more payload than this, however many items were asked for, so that it fits
/// into a gRPC message (4 MiB by default).
const PAGE_BYTES: usize = 3 * 1024 * 1024;

/// The item with this id, in whatever thread.
pub(crate) async fn find(db: impl PgExecutor<'_>, id: &ItemId) -> Result<Option<Item>, StoreError> {
    let row = sqlx::query("select id, thread_id, seq, kind, created_at, payload from items where id = $1")
        .bind(id.as_str())
        .fetch_optional(db)
        .await?;
    Ok(row.as_ref().map(item).transpose()?)
}

/// Of the latest item; 0 when the thread has none.
pub(crate) async fn last_seq(db: impl PgExecutor<'_>, thread: &ThreadId) -> Result<u64, StoreError> {
    let seq: i64 = sqlx::query_scalar("select coalesce(max(seq), 0) from items where thread_id = $1")
        .bind(thread.as_str())
        .fetch_one(db)
        .await?;
    Ok(unsigned(seq))
}

/// A thread's items, those after `after` in the given order.
pub(crate) async fn list(
    db: &PgPool,
    thread: &ThreadId,
    after: Option<u64>,
    order: Order,
    limit: u32,
) -> Result<Page<Item>, StoreError> {
    let (query, start) = match order {
        Order::Ascending => (
            "select id, thread_id, seq, kind, created_at, payload from items
             where thread_id = $1 and seq > $2 order by seq limit $3",
            0,
        ),
        Order::Descending => (
            "select id, thread_id, seq, kind, created_at, payload from items
             where thread_id = $1 and seq < $2 order by seq desc limit $3",
            u64::MAX,
        ),
    };
    let mut found = sqlx::query(query)
        .bind(thread.as_str())
        .bind(signed(after.unwrap_or(start)))
        // One more tells whether there is more.
        .bind(i64::from(limit) + 1)
        .fetch(db);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut rows, mut bytes) = (Vec::new(), 0);
    while let Some(row) = found.try_next().await? {
        let item = item(&row)?;
        bytes += item.payload.as_bytes().len();
        if rows.len() == limit || (bytes > PAGE_BYTES && !rows.is_empty()) {
            return Ok(Page { rows, has_more: true });
        }
        rows.push(item);
    }
    Ok(Page { rows, has_more: false })
}

pub(crate) async fn insert(db: &mut PgConnection, item: &Item) -> Result<(), StoreError> {
    sqlx::query(
        "insert into items (id, thread_id, seq, kind, created_at, payload) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(item.id.as_str())
    .bind(item.thread_id.as_str())
    .bind(signed(item.seq))
    .bind(item.kind.as_str())
    .bind(item.created_at)
    .bind(item.payload.as_bytes())
    .execute(db)
    .await?;
    Ok(())
}

fn item(row: &PgRow) -> Result<Item, sqlx::Error> {
    let kind = match row.try_get("kind")? {
        "user_message" => Kind::UserMessage,
        // The table's check allows no third.
        _ => Kind::AssistantMessage,
    };
    Ok(Item {
        id: ItemId::from(row.try_get::<String, _>("id")?),
        thread_id: ThreadId::from(row.try_get::<String, _>("thread_id")?),
        seq: unsigned(row.try_get("seq")?),
        kind,
        created_at: row.try_get("created_at")?,
        payload: Payload::stored(row.try_get("payload")?),
    })
}

/// The table's check keeps it positive.
fn unsigned(seq: i64) -> u64 {
    u64::try_from(seq).unwrap_or_default()
}

fn signed(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
