//! Pure rules of a turn: no clock, no I/O.

pub mod access;
pub mod citation;
pub mod question;
pub mod title;
pub mod turn;
