//! The inline tables: plain rows, no rules.

pub(crate) mod contents;
pub(crate) mod courses;
pub(crate) mod enrolments;

/// Columns that hold positive numbers only.
fn unsigned(value: i32) -> u32 {
    u32::try_from(value).unwrap_or_default()
}

fn signed(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}
