use std::collections::{BTreeSet, HashSet};

use chrono::{DateTime, Utc};
use eventstore::StoreError;
use kernel::{CourseId, UserId};
use sqlx::{PgConnection, PgPool, Row};

use super::{signed, unsigned};
use crate::domain::enrolment::{Enrolment, Event};

/// Of one who is not enrolled, the default.
pub(crate) async fn find(pool: &PgPool, course: &CourseId, user: &UserId) -> Result<Enrolment, StoreError> {
    let row = sqlx::query(
        "select e.highest_stage, array(
             select lesson_slug from completed_lessons d where d.course_id = e.course_id and d.user_id = e.user_id
         ) as completed
         from enrolments e where e.course_id = $1 and e.user_id = $2",
    )
    .bind(course.as_str())
    .bind(user.as_str())
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(Enrolment::default()) };
    let completed: Vec<String> = row.try_get("completed")?;
    Ok(Enrolment {
        started: true,
        completed: BTreeSet::from_iter(completed),
        recorded_stage: unsigned(row.try_get("highest_stage")?),
    })
}

/// Ids of the courses that a user is enrolled in.
pub(crate) async fn courses_of(pool: &PgPool, user: &UserId) -> Result<HashSet<String>, StoreError> {
    let ids: Vec<String> = sqlx::query_scalar("select course_id from enrolments where user_id = $1")
        .bind(user.as_str())
        .fetch_all(pool)
        .await?;
    Ok(ids.into_iter().collect())
}

/// The events of one append, in the tables.
pub(crate) async fn record(
    db: &mut PgConnection,
    events: &[Event],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    for event in events {
        match event {
            Event::Started(started) => {
                sqlx::query("insert into enrolments (course_id, user_id, started_at) values ($1, $2, $3)")
                    .bind(&started.course_id)
                    .bind(&started.user_id)
                    .bind(at)
                    .execute(&mut *db)
                    .await?;
            }
            Event::LessonCompleted(done) => {
                sqlx::query(
                    "insert into completed_lessons (course_id, user_id, lesson_slug, completed_at)
                     values ($1, $2, $3, $4)",
                )
                .bind(&done.course_id)
                .bind(&done.user_id)
                .bind(&done.lesson_slug)
                .bind(at)
                .execute(&mut *db)
                .await?;
            }
            Event::StageUnlocked(unlocked) => {
                sqlx::query(
                    "update enrolments set highest_stage = greatest(highest_stage, $3)
                     where course_id = $1 and user_id = $2",
                )
                .bind(&unlocked.course_id)
                .bind(&unlocked.user_id)
                .bind(signed(unlocked.stage))
                .execute(&mut *db)
                .await?;
            }
        }
    }
    Ok(())
}
