use chrono::{DateTime, Utc};
use eventstore::StoreError;
use kernel::UserId;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgExecutor, Row};

use crate::domain::quota::{Event, Ledger, Reservation, ReservationId, State};

/// What may still count, and `about` however old it is.
pub(crate) async fn load(
    db: impl PgExecutor<'_>,
    user: &UserId,
    since: DateTime<Utc>,
    about: Option<&ReservationId>,
) -> Result<Ledger, StoreError> {
    let rows = sqlx::query(
        "select reservation_id, reserved_at, state from reservations
         where user_id = $1 and (reserved_at > $2 or reservation_id = $3)",
    )
    .bind(user.as_str())
    .bind(since)
    .bind(about.map(ReservationId::as_str))
    .fetch_all(db)
    .await?;
    let reservations = rows.iter().map(reservation).collect::<Result<_, _>>()?;
    Ok(Ledger::new(user.clone(), reservations))
}

/// The event in the table, in the transaction that appended it.
pub(crate) async fn record(
    db: &mut PgConnection,
    event: &Event,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    match event {
        Event::Reserved(event) => {
            sqlx::query(
                "insert into reservations (user_id, reservation_id, reserved_at, state)
                 values ($1, $2, $3, 'reserved')",
            )
            .bind(&event.user_id)
            .bind(&event.reservation_id)
            .bind(at)
            .execute(db)
            .await?;
        }
        Event::Settled(event) => {
            set_state(db, &event.user_id, &event.reservation_id, State::Settled).await?;
        }
        Event::Refunded(event) => {
            set_state(db, &event.user_id, &event.reservation_id, State::Refunded).await?;
        }
    }
    Ok(())
}

async fn set_state(db: &mut PgConnection, user: &str, id: &str, state: State) -> Result<(), StoreError> {
    sqlx::query("update reservations set state = $3 where user_id = $1 and reservation_id = $2")
        .bind(user)
        .bind(id)
        .bind(text(state))
        .execute(db)
        .await?;
    Ok(())
}

fn reservation(row: &PgRow) -> Result<Reservation, StoreError> {
    let state = match row.try_get("state")? {
        "settled" => State::Settled,
        "refunded" => State::Refunded,
        // The table's check allows no fourth.
        _ => State::Reserved,
    };
    Ok(Reservation { id: row.try_get("reservation_id")?, reserved_at: row.try_get("reserved_at")?, state })
}

fn text(state: State) -> &'static str {
    match state {
        State::Reserved => "reserved",
        State::Settled => "settled",
        State::Refunded => "refunded",
    }
}
