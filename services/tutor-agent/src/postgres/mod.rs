//! Plain rows.

mod turns;

pub use turns::{State, Turn, TurnTable};
