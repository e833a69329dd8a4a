//! One use case each. Of quotas: load, decide, append, inline table, commit. Of throttles, which have
//! no events: one statement.

mod purge_throttles;
mod refund_reservation;
mod reserve_message;
mod return_calls;
mod settle_reservation;
mod throttle_calls;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use eventstore::{Meta, Store};
use kernel::{Clock, Error, EventCodec, UserId};

use crate::domain::quota::{Event, Ledger, Policy, ReservationId, stream};
use crate::postgres::reservations;

pub(crate) use purge_throttles::purge_throttles;
pub(crate) use refund_reservation::{RefundReservation, refund_reservation};
pub(crate) use reserve_message::{ReserveMessage, reserve_message};
pub(crate) use return_calls::return_calls;
pub(crate) use settle_reservation::{SettleReservation, settle_reservation};
pub(crate) use throttle_calls::{Asks, ThrottleCalls, throttle_calls};

/// What every command and query works with.
#[derive(Debug, Clone)]
pub(crate) struct Cx {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) policy: Policy,
}

impl Cx {
    /// The transaction that all commands share. `decide` answers what happens, if anything.
    /// Returns the ledger as it stands then, and the time it was decided at.
    async fn execute<E: Into<Error>>(
        &self,
        user: &UserId,
        id: &ReservationId,
        decide: impl FnOnce(&Ledger, DateTime<Utc>) -> Result<Option<Event>, E>,
    ) -> Result<(Ledger, DateTime<Utc>), Error> {
        let mut opened = self.store.open(&stream(user)).await?;
        // After the wait for the stream: its order is then also the order in time.
        let now = self.clock.now();
        let since = self.policy.window_start(now);
        let mut ledger = reservations::load(opened.reader(), user, since, Some(id)).await?;
        let event = match decide(&ledger, now) {
            Ok(Some(event)) => event,
            undecided => {
                opened.rollback().await;
                return undecided.map(|_| (ledger, now)).map_err(Into::into);
            }
        };
        let mut appended = opened.append(&[event.encode()], &meta(now, user)).await?;
        reservations::record(appended.tx(), &event, now).await?;
        appended.commit().await?;
        ledger.apply(&event, now);
        Ok((ledger, now))
    }
}

fn meta(at: DateTime<Utc>, user: &UserId) -> Meta {
    let user = Some(user.to_string());
    Meta { at, actor: user.clone(), traceparent: runtime::current_traceparent(), subject: user }
}
