//! Names in addresses.

use std::collections::HashSet;
use std::path::Path;

/// Heading ids as mdBook makes them, so that links from elsewhere into a book still meet: letters
/// and digits in lower case (ASCII only), `_`, `-`, white space as `-`, all else dropped.
pub(crate) fn normalize_id(text: &str) -> String {
    text.trim()
        .chars()
        .filter_map(|letter| match letter {
            '_' | '-' => Some(letter),
            letter if letter.is_alphanumeric() => Some(letter.to_ascii_lowercase()),
            letter if letter.is_whitespace() => Some('-'),
            _ => None,
        })
        .collect()
}

/// Hands each name out once; a second one gets `-1`, a third `-2`.
#[derive(Debug, Default)]
pub(crate) struct Unique(HashSet<String>);

impl Unique {
    pub(crate) fn take(&mut self, name: &str) -> String {
        let mut candidate = name.to_owned();
        let mut number = 0_u32;
        while !self.0.insert(candidate.clone()) {
            number += 1;
            candidate = format!("{name}-{number}");
        }
        candidate
    }
}

/// `ch01/intro.md` is the lesson `ch01-intro`.
pub(crate) fn lesson_slug(path: &Path) -> String {
    let name: String = path
        .with_extension("")
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect::<Vec<_>>()
        .join("-")
        .chars()
        .map(|letter| if letter.is_alphanumeric() || matches!(letter, '-' | '_') { letter } else { '-' })
        .collect();
    if name.is_empty() { "page".to_owned() } else { name }
}

/// A course's name made of a directory's.
pub(crate) fn course_slug(name: &str) -> String {
    let words: String = name
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' })
        .collect();
    words.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

pub(crate) fn is_course_slug(slug: &str) -> bool {
    (1..=64).contains(&slug.len()) && course_slug(slug) == slug
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heading_ids_are_those_of_mdbook() {
        for (text, id) in [
            ("Hello, World!", "hello-world"),
            ("`std::vec::Vec<T>` and friends", "stdvecvect-and-friends"),
            ("  C++ & Rust  ", "c--rust"),
            ("snake_case-name", "snake_case-name"),
            ("Über 中文", "Über-中文"),
            ("!?", ""),
        ] {
            assert_eq!(normalize_id(text), id, "{text}");
        }
    }

    #[test]
    fn a_repeated_id_gets_a_number_that_is_free() {
        let mut ids = Unique::default();
        let taken: Vec<String> = ["a", "a", "a-1", "a"].iter().map(|id| ids.take(id)).collect();
        assert_eq!(taken, ["a", "a-1", "a-1-1", "a-2"]);
    }

    #[test]
    fn slugs_come_of_paths() {
        assert_eq!(lesson_slug(Path::new("ch01/02 intro.md")), "ch01-02-intro");
        assert_eq!(lesson_slug(Path::new("v1.2/README.md")), "v1-2-README");
        assert_eq!(course_slug("The Book (2nd)"), "the-book-2nd");
        assert!(is_course_slug("rust-book") && !is_course_slug("Rust") && !is_course_slug("a--b"));
        assert!(!is_course_slug("") && !is_course_slug(&"a".repeat(65)) && !is_course_slug("../x"));
    }
}
