//! The vocabulary every crate shares: ids, roles, errors, events, and the two things a pure rule
//! must be given instead of taking: the time and randomness.
//!
//! No runtime, no database, no transport: `tokio`, `sqlx` and `tonic` must not appear in this
//! crate's dependency tree.

mod clock;
mod entropy;
mod error;
mod event;
mod id;
mod role;
mod trace;

pub use clock::{Clock, ManualClock, SystemClock, rfc3339_millis};
pub use entropy::{Entropy, OsEntropy, SeededEntropy};
pub use error::{Error, ErrorCode, Retry};
pub use event::{CodecError, EventCodec, NewEvent};
pub use id::{CourseId, ItemId, SessionId, ThreadId, TurnId, UserId};
pub use role::{ParseRoleError, Role};
pub use trace::TraceParent;

#[doc(hidden)]
pub mod reexport {
    pub use prost;
}
