//! The inline table: plain rows, no rules.

pub(crate) mod reservations;
