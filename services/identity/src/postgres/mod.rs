//! The inline tables: plain rows, no rules.

pub(crate) mod guards;
pub(crate) mod users;
