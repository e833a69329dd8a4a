//! The inline tables: plain rows, no rules.

pub(crate) mod items;
pub(crate) mod threads;
