use kernel::{Error, Role, UserId};

use super::Cx;
use crate::domain::quota::{Policy, ReservationId, Standing, decide_reserve};

#[derive(Debug)]
pub(crate) struct ReserveMessage {
    pub(crate) id: ReservationId,
    pub(crate) user: UserId,
    pub(crate) role: Role,
}

/// Counts a message before any work is done for it. `None`: the role is exempt.
pub(crate) async fn reserve_message(cx: &Cx, command: ReserveMessage) -> Result<Option<Standing>, Error> {
    let ReserveMessage { id, user, role } = command;
    if Policy::exempts(role) {
        return Ok(None);
    }
    let (ledger, now) =
        cx.execute(&user, &id, |ledger, now| decide_reserve(ledger, &cx.policy, &id, now)).await?;
    Ok(Some(cx.policy.standing(&ledger, now)))
}
