use chrono::{DateTime, Utc};
use eventstore::StoreError;
use kernel::{ThreadId, UserId};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor, PgPool, Row};

use crate::domain::page::{Order, Page};
use crate::domain::thread::Thread;

pub(crate) async fn find(db: impl PgExecutor<'_>, id: &ThreadId) -> Result<Option<Thread>, StoreError> {
    let row = sqlx::query("select id, owner_id, title, course_slug, created_at from threads where id = $1")
        .bind(id.as_str())
        .fetch_optional(db)
        .await?;
    Ok(row.as_ref().map(thread).transpose()?)
}

/// A user's threads by creation, those after `after` in the given order.
pub(crate) async fn list(
    db: &PgPool,
    owner: &UserId,
    after: Option<&Thread>,
    order: Order,
    limit: u32,
) -> Result<Page<Thread>, StoreError> {
    let query = match order {
        Order::Ascending => {
            "select id, owner_id, title, course_slug, created_at from threads
             where owner_id = $1
               and (created_at, id) > (coalesce($2::timestamptz, '-infinity'), coalesce($3::text, ''))
             order by created_at, id limit $4"
        }
        Order::Descending => {
            "select id, owner_id, title, course_slug, created_at from threads
             where owner_id = $1
               and (created_at, id) < (coalesce($2::timestamptz, 'infinity'), coalesce($3::text, ''))
             order by created_at desc, id desc limit $4"
        }
    };
    let rows = sqlx::query(query)
        .bind(owner.as_str())
        .bind(after.map(|thread| thread.created_at))
        .bind(after.map(|thread| thread.id.as_str()))
        // One more tells whether there is more.
        .bind(i64::from(limit) + 1)
        .fetch_all(db)
        .await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    let rows = rows.iter().take(limit).map(thread).collect::<Result<_, _>>()?;
    Ok(Page { rows, has_more })
}

pub(crate) async fn insert(db: &mut PgConnection, thread: &Thread) -> Result<(), StoreError> {
    sqlx::query(
        "insert into threads (id, owner_id, title, course_slug, created_at) values ($1, $2, $3, $4, $5)",
    )
    .bind(thread.id.as_str())
    .bind(thread.owner.as_str())
    .bind(&thread.title)
    .bind(&thread.course_slug)
    .bind(thread.created_at)
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn set_title(db: &mut PgConnection, thread: &Thread) -> Result<(), StoreError> {
    sqlx::query("update threads set title = $2 where id = $1")
        .bind(thread.id.as_str())
        .bind(&thread.title)
        .execute(db)
        .await?;
    Ok(())
}

fn thread(row: &PgRow) -> Result<Thread, sqlx::Error> {
    Ok(Thread {
        id: ThreadId::from(row.try_get::<String, _>("id")?),
        owner: UserId::from(row.try_get::<String, _>("owner_id")?),
        title: row.try_get("title")?,
        course_slug: row.try_get("course_slug")?,
        created_at: row.try_get::<DateTime<Utc>, _>("created_at")?,
    })
}
