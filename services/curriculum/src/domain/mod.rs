//! The rules. No I/O.

pub(crate) mod access;
pub(crate) mod content;
pub(crate) mod course;
pub(crate) mod enrolment;
