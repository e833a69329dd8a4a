//! The tables: plain rows, no rules.

pub(crate) mod reservations;
pub(crate) mod throttles;
