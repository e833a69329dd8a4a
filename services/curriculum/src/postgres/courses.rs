use chrono::{DateTime, Utc};
use eventstore::StoreError;
use kernel::CourseId;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row};

use super::unsigned;
use crate::domain::course::{LessonEntry, Outline, UnlockPolicy};

/// A course as a list shows it.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) id: CourseId,
    pub(crate) slug: String,
    pub(crate) version: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) stage_count: u32,
    pub(crate) lesson_count: u32,
}

pub(crate) async fn list(pool: &PgPool) -> Result<Vec<Summary>, StoreError> {
    let rows = sqlx::query(
        "select c.id, c.slug, c.version, v.title, v.description, cardinality(v.stages) as stage_count,
             (select count(*)::int from lessons l where l.course_id = c.id and l.version = c.version) as lesson_count
         from courses c join course_versions v on v.course_id = c.id and v.version = c.version
         order by v.title, c.slug",
    )
    .fetch_all(pool)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Summary {
                id: CourseId::from(row.try_get::<String, _>("id")?),
                slug: row.try_get("slug")?,
                version: row.try_get("version")?,
                title: row.try_get("title")?,
                description: row.try_get("description")?,
                stage_count: unsigned(row.try_get("stage_count")?),
                lesson_count: unsigned(row.try_get("lesson_count")?),
            })
        })
        .collect()
}

pub(crate) async fn find_by_slug(pool: &PgPool, slug: &str) -> Result<Option<Outline>, StoreError> {
    let mut connection = pool.acquire().await?;
    let id: Option<String> = sqlx::query_scalar("select id from courses where slug = $1")
        .bind(slug)
        .fetch_optional(&mut *connection)
        .await?;
    match id {
        Some(id) => find(&mut connection, &CourseId::from(id)).await,
        None => Ok(None),
    }
}

/// The version that is published now.
pub(crate) async fn find(db: &mut PgConnection, id: &CourseId) -> Result<Option<Outline>, StoreError> {
    let row = sqlx::query(
        "select c.id, c.slug, c.version, v.title, v.description, v.unlock, v.stages
         from courses c join course_versions v on v.course_id = c.id and v.version = c.version
         where c.id = $1",
    )
    .bind(id.as_str())
    .fetch_optional(&mut *db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let mut outline = outline(&row)?;
    let lessons = sqlx::query(
        "select slug, title, number, stage, jsonb_array_length(exercises) as exercise_count
         from lessons where course_id = $1 and version = $2 order by ordinal",
    )
    .bind(id.as_str())
    .bind(&outline.version)
    .fetch_all(db)
    .await?;
    outline.lessons = lessons.iter().map(lesson).collect::<Result<_, StoreError>>()?;
    Ok(Some(outline))
}

/// What a new version replaces; nothing for a course that is new.
pub(crate) async fn published_version(
    db: &mut PgConnection,
    id: &CourseId,
) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar("select version from courses where id = $1")
        .bind(id.as_str())
        .fetch_optional(db)
        .await?)
}

/// Makes the version the one that is published.
pub(crate) async fn publish(
    db: &mut PgConnection,
    id: &CourseId,
    slug: &str,
    version: &str,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into courses (id, slug, version, published_at) values ($1, $2, $3, $4)
         on conflict (id) do update set version = excluded.version, published_at = excluded.published_at",
    )
    .bind(id.as_str())
    .bind(slug)
    .bind(version)
    .bind(at)
    .execute(db)
    .await?;
    Ok(())
}

fn outline(row: &PgRow) -> Result<Outline, StoreError> {
    let unlock: String = row.try_get("unlock")?;
    Ok(Outline {
        id: CourseId::from(row.try_get::<String, _>("id")?),
        slug: row.try_get("slug")?,
        version: row.try_get("version")?,
        title: row.try_get("title")?,
        description: row.try_get("description")?,
        // The column is checked to hold one of the two.
        unlock: if unlock == UnlockPolicy::Open.as_str() {
            UnlockPolicy::Open
        } else {
            UnlockPolicy::Sequential
        },
        stages: row.try_get("stages")?,
        lessons: Vec::new(),
    })
}

fn lesson(row: &PgRow) -> Result<LessonEntry, StoreError> {
    Ok(LessonEntry {
        slug: row.try_get("slug")?,
        title: row.try_get("title")?,
        number: row.try_get("number")?,
        stage: unsigned(row.try_get("stage")?),
        exercise_count: unsigned(row.try_get("exercise_count")?),
    })
}
