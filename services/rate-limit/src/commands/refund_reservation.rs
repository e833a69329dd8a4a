use kernel::{Error, UserId};

use super::Cx;
use crate::domain::quota::{ReservationId, decide_refund};

#[derive(Debug)]
pub(crate) struct RefundReservation {
    pub(crate) id: ReservationId,
    pub(crate) user: UserId,
    pub(crate) reason: String,
}

/// The message was not answered: it no longer counts.
pub(crate) async fn refund_reservation(cx: &Cx, command: RefundReservation) -> Result<(), Error> {
    let RefundReservation { id, user, reason } = command;
    cx.execute(&user, &id, |ledger, _| decide_refund(ledger, &id, &reason)).await?;
    Ok(())
}
