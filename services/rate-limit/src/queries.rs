//! Reads that decide nothing and hold nothing.

use kernel::{Error, Role, UserId};

use crate::commands::Cx;
use crate::domain::quota::{Policy, Standing};
use crate::postgres::reservations;

/// What is left of a user's quota. `None`: the role is exempt.
pub(crate) async fn get_quota(cx: &Cx, user: &UserId, role: Role) -> Result<Option<Standing>, Error> {
    if Policy::exempts(role) {
        return Ok(None);
    }
    let now = cx.clock.now();
    let ledger = reservations::load(cx.store.pool(), user, cx.policy.window_start(now), None).await?;
    Ok(Some(cx.policy.standing(&ledger, now)))
}
