//! The rules: no time but the one given, no randomness, no I/O.

pub(crate) mod account;
pub(crate) mod attempt;
pub(crate) mod email;
pub(crate) mod lockout;
pub(crate) mod password;
pub(crate) mod profile;
