use kernel::Error;

use super::Cx;
use crate::domain::throttle::{Charge, Rate, ThrottleKey, Verdict};
use crate::postgres::throttles;

#[derive(Debug)]
pub(crate) struct ThrottleCalls {
    pub(crate) key: ThrottleKey,
    pub(crate) asks: Asks,
}

#[derive(Debug)]
pub(crate) enum Asks {
    /// To be counted.
    Charge(Charge),
    /// What a call would be told.
    Look(Rate),
}

/// Counts calls of a key unless that would be more than its rate. No events: nobody asks who was
/// counted once the window has passed.
pub(crate) async fn throttle_calls(cx: &Cx, command: ThrottleCalls) -> Result<Verdict, Error> {
    let (pool, now) = (cx.store.pool(), cx.clock.now());
    let verdict = match command.asks {
        Asks::Charge(charge) => {
            let decision = throttles::charge(pool, &command.key, &charge, now).await?;
            charge.verdict(decision, now)
        }
        Asks::Look(rate) => rate.look(throttles::empty_at(pool, &command.key).await?, now),
    };
    if !verdict.allowed {
        // Without the key: it would make a series of every client.
        metrics::counter!("rate_limit_throttled_total").increment(1);
    }
    Ok(verdict)
}
