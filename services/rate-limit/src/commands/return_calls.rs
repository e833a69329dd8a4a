use kernel::Error;

use super::Cx;
use crate::domain::throttle::{Returned, ThrottleKey};
use crate::postgres::throttles;

/// Calls that turned out harmless are not held against their key.
pub(crate) async fn return_calls(cx: &Cx, key: &ThrottleKey, returned: Returned) -> Result<(), Error> {
    throttles::give_back(cx.store.pool(), key, returned, cx.clock.now()).await?;
    Ok(())
}
