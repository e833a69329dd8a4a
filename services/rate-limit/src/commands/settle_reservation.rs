use kernel::{Error, UserId};

use super::Cx;
use crate::domain::quota::{ReservationId, decide_settle};

#[derive(Debug)]
pub(crate) struct SettleReservation {
    pub(crate) id: ReservationId,
    pub(crate) user: UserId,
}

/// The message was answered: it counts for good.
pub(crate) async fn settle_reservation(cx: &Cx, command: SettleReservation) -> Result<(), Error> {
    let SettleReservation { id, user } = command;
    cx.execute(&user, &id, |ledger, _| decide_settle(ledger, &id)).await?;
    Ok(())
}
