//! One row per turn of the tutor.

use api::events::tutor_agent::{TurnCompleted, TurnFailed, TurnStarted};
use async_trait::async_trait;
use eventstore::RecordedEvent;
use kernel::CodecError;
use projection::{ApplyError, Projection};
use sqlx::PgConnection;

use super::{number, text, trace_id};

kernel::events! {
    /// What happens to a turn.
    enum Event {
        Started(TurnStarted) = "turn.started" @ 1,
        Completed(TurnCompleted) = "turn.completed" @ 1,
        Failed(TurnFailed) = "turn.failed" @ 1,
    }
}

#[derive(Debug)]
pub(crate) struct FactTurn;

#[async_trait]
impl Projection for FactTurn {
    fn name(&self) -> &'static str {
        "fact_turn"
    }

    fn sources(&self) -> &'static [&'static str] {
        &["tutor_agent"]
    }

    async fn apply(&self, tx: &mut PgConnection, event: &RecordedEvent) -> Result<(), ApplyError> {
        let changed = match event.decode() {
            Ok(Event::Started(turn)) => return Ok(started(tx, event, &turn).await?),
            Ok(Event::Completed(turn)) => completed(tx, event, &turn).await?,
            Ok(Event::Failed(turn)) => failed(tx, event, &turn).await?,
            Err(CodecError::UnknownType { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if changed == 0 {
            // Order holds within a store, so this log is broken: say so rather than lose a turn.
            return Err(ApplyError::Poison(format!("{} ended without a beginning", event.stream)));
        }
        Ok(())
    }
}

/// Again, after a rebuild: the row is there, and its end comes once more, too.
async fn started(
    tx: &mut PgConnection,
    event: &RecordedEvent,
    turn: &TurnStarted,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into fact_turn
           (turn_id, thread_id, user_id, role, course_id, lesson_slug, model, started_at, trace_id)
         values ($1, coalesce($2, ''), coalesce($3, ''), coalesce($4, ''), $5, $6, coalesce($7, ''), $8, $9)
         on conflict (turn_id) do nothing",
    )
    .bind(text(&turn.turn_id).unwrap_or_default())
    .bind(text(&turn.thread_id))
    .bind(text(&turn.user_id))
    .bind(text(&turn.role))
    .bind(text(&turn.course_id))
    .bind(text(&turn.lesson_slug))
    .bind(text(&turn.model))
    .bind(event.at)
    .bind(trace_id(event))
    .execute(tx)
    .await
    .map(drop)
}

async fn completed(
    tx: &mut PgConnection,
    event: &RecordedEvent,
    turn: &TurnCompleted,
) -> Result<u64, sqlx::Error> {
    let changed = sqlx::query(
        "update fact_turn set outcome = 'completed', finished_at = $2, model = coalesce($3, model),
           response_ms = $4, ttft_ms = $5, tokens_in = $6, tokens_out = $7, tokens_estimated = $8,
           citations = $9, passages_retrieved = $10, guard_rewrites = $11, reason = null
         where turn_id = $1",
    )
    .bind(text(&turn.turn_id).unwrap_or_default())
    .bind(event.at)
    .bind(text(&turn.model))
    .bind(number(turn.response_ms))
    .bind(number(turn.time_to_first_token_ms))
    .bind(number(turn.tokens_in))
    .bind(number(turn.tokens_out))
    .bind(turn.tokens_estimated)
    .bind(number(turn.citations))
    .bind(number(turn.passages_retrieved))
    .bind(number(turn.guard_rewrites))
    .execute(tx)
    .await?;
    Ok(changed.rows_affected())
}

async fn failed(tx: &mut PgConnection, event: &RecordedEvent, turn: &TurnFailed) -> Result<u64, sqlx::Error> {
    let changed = sqlx::query(
        "update fact_turn set outcome = 'failed', finished_at = $2, model = coalesce($3, model),
           reason = $4, response_ms = $5
         where turn_id = $1",
    )
    .bind(text(&turn.turn_id).unwrap_or_default())
    .bind(event.at)
    .bind(text(&turn.model))
    .bind(text(&turn.reason))
    .bind(number(turn.response_ms))
    .execute(tx)
    .await?;
    Ok(changed.rows_affected())
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use eventstore::RecordedMeta;
    use kernel::{EventCodec, NewEvent};

    use super::*;

    fn recorded(event: NewEvent) -> RecordedEvent {
        RecordedEvent {
            store: "tutor_agent".to_owned(),
            position: 1,
            stream: "turn-t1".to_owned(),
            version: 1,
            event_type: event.event_type.to_owned(),
            schema: event.schema,
            data: event.data,
            meta: RecordedMeta::default(),
            at: DateTime::UNIX_EPOCH,
        }
    }

    #[tokio::test]
    async fn an_end_without_a_beginning_stops_the_projection_instead_of_being_lost() {
        let db = testkit::database(&[(crate::SCHEMA, &[&projection::MIGRATOR, &crate::MIGRATOR])]).await;
        let mut connection = db.pool(crate::SCHEMA).acquire().await.unwrap();
        let turn_id = || "t1".to_owned();
        for end in [
            Event::Completed(TurnCompleted { turn_id: turn_id(), ..TurnCompleted::default() }),
            Event::Failed(TurnFailed { turn_id: turn_id(), ..TurnFailed::default() }),
        ] {
            let outcome = FactTurn.apply(&mut connection, &recorded(end.encode())).await;
            assert!(matches!(outcome, Err(ApplyError::Poison(_))), "{outcome:?}");
        }
        let start = Event::Started(TurnStarted { turn_id: turn_id(), ..TurnStarted::default() });
        FactTurn.apply(&mut connection, &recorded(start.encode())).await.unwrap();
        let newer = NewEvent { event_type: "turn.completed", schema: 2, data: vec![0xff] };
        FactTurn.apply(&mut connection, &recorded(newer)).await.unwrap();
    }
}
