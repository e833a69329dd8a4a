//! The inline tables: plain rows, no rules.

pub(crate) mod endings;
pub(crate) mod keys;
pub(crate) mod oauth;
pub(crate) mod sessions;
