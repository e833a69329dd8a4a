//! The inline tables: plain rows, no rules.

pub(crate) mod keys;
pub(crate) mod sessions;
