//! The rules: no time but the one given, no randomness, no I/O.

pub(crate) mod key;
pub(crate) mod oauth;
pub(crate) mod session;
