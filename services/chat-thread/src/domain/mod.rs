//! The rules. No I/O, no clock: what they need they are given.

pub(crate) mod id;
pub(crate) mod page;
pub(crate) mod payload;
pub(crate) mod thread;
