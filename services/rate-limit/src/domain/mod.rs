//! The rules. No I/O, no clock: what they need they are given.

pub(crate) mod quota;
pub(crate) mod throttle;
