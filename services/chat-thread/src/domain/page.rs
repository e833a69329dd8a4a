/// Which way a list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Ascending,
    Descending,
}

/// Part of a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page<T> {
    pub(crate) rows: Vec<T>,
    /// Whether anything follows in the order asked for.
    pub(crate) has_more: bool,
}

const DEFAULT: u32 = 20;

/// How many rows a page has at most: 0 means 20.
pub(crate) fn limit(asked: u32, most: u32) -> u32 {
    if asked == 0 { DEFAULT } else { asked.min(most) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_what_was_asked_for_within_reason() {
        for (asked, wanted) in [(0, 20), (1, 1), (99, 99), (100, 100), (101, 100), (u32::MAX, 100)] {
            assert_eq!(limit(asked, 100), wanted, "{asked}");
        }
    }
}
