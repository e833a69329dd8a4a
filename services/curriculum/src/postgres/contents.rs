//! Texts, images and answer keys of a course version.

use eventstore::StoreError;
use kernel::CourseId;
use sqlx::types::Json;
use sqlx::{PgConnection, PgPool, Row};

use super::{signed, unsigned};
use crate::domain::content::{Asset, Content, Exercise, Heading, Passage, PublicExercise};
use crate::domain::course::count;

/// A version of a course, as a key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VersionKey<'a> {
    pub(crate) course: &'a CourseId,
    pub(crate) version: &'a str,
}

/// What a lesson's page shows.
#[derive(Debug)]
pub(crate) struct LessonText {
    pub(crate) html: String,
    pub(crate) headings: Vec<Heading>,
    pub(crate) exercises: Vec<PublicExercise>,
}

#[derive(Debug)]
pub(crate) struct PassageRow {
    pub(crate) passage: Passage,
    pub(crate) lesson_slug: String,
    pub(crate) lesson_title: String,
    pub(crate) stage: u32,
    pub(crate) order: u32,
}

pub(crate) async fn lesson(
    pool: &PgPool,
    key: VersionKey<'_>,
    slug: &str,
) -> Result<Option<LessonText>, StoreError> {
    let row = sqlx::query(
        "select html, headings, exercises from lessons where course_id = $1 and version = $2 and slug = $3",
    )
    .bind(key.course.as_str())
    .bind(key.version)
    .bind(slug)
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let headings: Json<Vec<Heading>> = row.try_get("headings")?;
    let exercises: Json<Vec<PublicExercise>> = row.try_get("exercises")?;
    Ok(Some(LessonText { html: row.try_get("html")?, headings: headings.0, exercises: exercises.0 }))
}

pub(crate) async fn has_version(pool: &PgPool, key: VersionKey<'_>) -> Result<bool, StoreError> {
    let found = sqlx::query_scalar(
        "select exists (select from course_versions where course_id = $1 and version = $2)",
    );
    Ok(found.bind(key.course.as_str()).bind(key.version).fetch_one(pool).await?)
}

/// In reading order. One statement, so one snapshot: a version that is replaced meanwhile is read
/// to its end.
pub(crate) async fn passages(pool: &PgPool, key: VersionKey<'_>) -> Result<Vec<PassageRow>, StoreError> {
    let rows = sqlx::query(
        "select p.id, p.anchor, p.breadcrumb, p.body, p.lesson_slug, p.stage, p.ordinal, l.title
         from passages p join lessons l
             on l.course_id = p.course_id and l.version = p.version and l.slug = p.lesson_slug
         where p.course_id = $1 and p.version = $2 order by p.ordinal",
    )
    .bind(key.course.as_str())
    .bind(key.version)
    .fetch_all(pool)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(PassageRow {
                passage: Passage {
                    id: row.try_get("id")?,
                    anchor: row.try_get("anchor")?,
                    breadcrumb: row.try_get("breadcrumb")?,
                    text: row.try_get("body")?,
                },
                lesson_slug: row.try_get("lesson_slug")?,
                lesson_title: row.try_get("title")?,
                stage: unsigned(row.try_get("stage")?),
                order: unsigned(row.try_get("ordinal")?),
            })
        })
        .collect()
}

/// The exercises of a lesson with their answers. `prompt_html` is left empty.
pub(crate) async fn answer_keys(
    pool: &PgPool,
    key: VersionKey<'_>,
    lesson: &str,
) -> Result<Vec<Exercise>, StoreError> {
    let rows = sqlx::query(
        "select exercise_id, title, prompt, expected_points, answer_key, answer_forms from answer_keys
         where course_id = $1 and version = $2 and lesson_slug = $3 order by ordinal",
    )
    .bind(key.course.as_str())
    .bind(key.version)
    .bind(lesson)
    .fetch_all(pool)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Exercise {
                id: row.try_get("exercise_id")?,
                title: row.try_get("title")?,
                prompt: row.try_get("prompt")?,
                prompt_html: String::new(),
                expected_points: row.try_get("expected_points")?,
                answer_key: row.try_get("answer_key")?,
                answer_forms: row.try_get("answer_forms")?,
            })
        })
        .collect()
}

pub(crate) async fn asset(pool: &PgPool, course_slug: &str, path: &str) -> Result<Option<Asset>, StoreError> {
    let row = sqlx::query(
        "select a.path, a.content_type, a.etag, a.body from assets a join courses c on c.id = a.course_id
         where c.slug = $1 and a.path = $2",
    )
    .bind(course_slug)
    .bind(path)
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Asset {
        path: row.try_get("path")?,
        content_type: row.try_get("content_type")?,
        etag: row.try_get("etag")?,
        body: row.try_get("body")?,
    }))
}

/// Writes a version and forgets all but `previous`; images of earlier versions go.
pub(crate) async fn write(
    db: &mut PgConnection,
    key: VersionKey<'_>,
    previous: Option<&str>,
    content: &Content,
) -> Result<(), StoreError> {
    sqlx::query("delete from course_versions where course_id = $1 and version is distinct from $2")
        .bind(key.course.as_str())
        .bind(previous)
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "insert into course_versions (course_id, version, title, description, unlock, stages)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(key.course.as_str())
    .bind(key.version)
    .bind(&content.title)
    .bind(&content.description)
    .bind(content.unlock.as_str())
    .bind(&content.stages)
    .execute(&mut *db)
    .await?;
    write_lessons(db, key, content).await?;
    write_passages(db, key, content).await?;
    write_answer_keys(db, key, content).await?;
    write_assets(db, key.course, content).await
}

async fn write_lessons(
    db: &mut PgConnection,
    key: VersionKey<'_>,
    content: &Content,
) -> Result<(), StoreError> {
    for (ordinal, lesson) in (1_i32..).zip(&content.lessons) {
        let exercises: Vec<PublicExercise> = lesson.exercises.iter().map(PublicExercise::from).collect();
        sqlx::query(
            "insert into lessons (course_id, version, slug, ordinal, stage, title, number, html, headings, exercises)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(key.course.as_str())
        .bind(key.version)
        .bind(&lesson.slug)
        .bind(ordinal)
        .bind(signed(lesson.stage))
        .bind(&lesson.title)
        .bind(&lesson.number)
        .bind(&lesson.html)
        .bind(Json(&lesson.headings))
        .bind(Json(exercises))
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

/// One statement a lesson: a large course has thousands of passages. Breadcrumbs differ in length,
/// which no array of Postgres can hold, so rows travel as JSON.
async fn write_passages(
    db: &mut PgConnection,
    key: VersionKey<'_>,
    content: &Content,
) -> Result<(), StoreError> {
    let mut written = 0;
    for lesson in content.lessons.iter().filter(|lesson| !lesson.passages.is_empty()) {
        sqlx::query(
            "insert into passages
                 (course_id, version, lesson_slug, stage, ordinal, id, anchor, breadcrumb, body)
             select $1, $2, $3, $4, $5 + p.n, p.row->>'id', p.row->>'anchor',
                 array(select jsonb_array_elements_text(p.row->'breadcrumb')), p.row->>'text'
             from jsonb_array_elements($6) with ordinality as p (row, n)",
        )
        .bind(key.course.as_str())
        .bind(key.version)
        .bind(&lesson.slug)
        .bind(signed(lesson.stage))
        .bind(written)
        .bind(Json(&lesson.passages))
        .execute(&mut *db)
        .await?;
        written += signed(count(lesson.passages.len()));
    }
    Ok(())
}

async fn write_answer_keys(
    db: &mut PgConnection,
    key: VersionKey<'_>,
    content: &Content,
) -> Result<(), StoreError> {
    for lesson in &content.lessons {
        for (ordinal, exercise) in (1_i32..).zip(&lesson.exercises) {
            sqlx::query(
                "insert into answer_keys (course_id, version, exercise_id, lesson_slug, ordinal, title, prompt,
                     expected_points, answer_key, answer_forms)
                 values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            )
            .bind(key.course.as_str())
            .bind(key.version)
            .bind(&exercise.id)
            .bind(&lesson.slug)
            .bind(ordinal)
            .bind(&exercise.title)
            .bind(&exercise.prompt)
            .bind(&exercise.expected_points)
            .bind(&exercise.answer_key)
            .bind(&exercise.answer_forms)
            .execute(&mut *db)
            .await?;
        }
    }
    Ok(())
}

async fn write_assets(db: &mut PgConnection, course: &CourseId, content: &Content) -> Result<(), StoreError> {
    let paths: Vec<&str> = content.assets.iter().map(|asset| asset.path.as_str()).collect();
    sqlx::query("delete from assets where course_id = $1 and path <> all($2)")
        .bind(course.as_str())
        .bind(paths)
        .execute(&mut *db)
        .await?;
    for asset in &content.assets {
        sqlx::query(
            "insert into assets (course_id, path, content_type, etag, body) values ($1, $2, $3, $4, $5)
             on conflict (course_id, path) do update
             set content_type = excluded.content_type, etag = excluded.etag, body = excluded.body
             where assets.etag <> excluded.etag or assets.content_type <> excluded.content_type",
        )
        .bind(course.as_str())
        .bind(&asset.path)
        .bind(&asset.content_type)
        .bind(&asset.etag)
        .bind(&asset.body)
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}
