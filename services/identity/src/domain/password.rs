/// Lengths count UTF-16 units, as every browser and the Better-Auth contract do.
const MIN_UNITS: usize = 12;
/// A longer one is refused, never cut: hashing is not made slower by it, reading the body is.
const MAX_UNITS: usize = 128;

/// What the policy asks for and a password lacks, in the order of the HTTP contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Length,
    Lowercase,
    Uppercase,
    Digit,
    Special,
}

impl Missing {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Lowercase => "lowercase",
            Self::Uppercase => "uppercase",
            Self::Digit => "digit",
            Self::Special => "special",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PasswordError {
    /// Only the length is missing.
    Short,
    Weak(Vec<Missing>),
    Long,
}

/// The policy for a new password.
pub(crate) fn check_new(password: &str) -> Result<(), PasswordError> {
    check_length(password)?;
    let has = |what: fn(char) -> bool| password.chars().any(what);
    let demands = [
        (Missing::Length, password.encode_utf16().count() >= MIN_UNITS),
        (Missing::Lowercase, has(char::is_lowercase)),
        (Missing::Uppercase, has(char::is_uppercase)),
        (Missing::Digit, has(|c| c.is_ascii_digit())),
        (Missing::Special, has(|c| !c.is_alphanumeric())),
    ];
    let missing: Vec<Missing> = demands.into_iter().filter(|(_, met)| !met).map(|(what, _)| what).collect();
    match missing.as_slice() {
        [] => Ok(()),
        [Missing::Length] => Err(PasswordError::Short),
        _ => Err(PasswordError::Weak(missing)),
    }
}

/// What holds at sign-in, too: an overlong guess is refused before it costs anything.
pub(crate) fn check_length(password: &str) -> Result<(), PasswordError> {
    if password.encode_utf16().count() > MAX_UNITS { Err(PasswordError::Long) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_with_all_kinds_and_twelve_characters_is_taken() {
        for good in ["Correct-Horse7", "aB3$aB3$aB3$", "Ünïcödé-Pass9x", "With spaces 12"] {
            assert_eq!(check_new(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn all_that_is_missing_is_named_at_once() {
        use Missing::{Digit, Length, Lowercase, Special, Uppercase};
        for (password, missing) in [
            ("", vec![Length, Lowercase, Uppercase, Digit, Special]),
            ("abcdefghijkl", vec![Uppercase, Digit, Special]),
            ("ABCDEFGHIJKL", vec![Lowercase, Digit, Special]),
            ("abcdefghijK1", vec![Special]),
            ("Ab1", vec![Length, Special]),
        ] {
            assert_eq!(check_new(password), Err(PasswordError::Weak(missing)), "{password:?}");
        }
    }

    #[test]
    fn a_short_password_that_lacks_nothing_else_is_too_short() {
        assert_eq!(check_new("aB3$aB3$aB3"), Err(PasswordError::Short));
    }

    #[test]
    fn length_is_counted_in_utf16_units() {
        // Ten characters, twelve units.
        assert_eq!(check_new("aB3$aB3$😀😀"), Ok(()));
        let longest = format!("aB3${}", "x".repeat(124));
        assert_eq!(check_new(&longest), Ok(()));
        assert_eq!(check_new(&format!("{longest}x")), Err(PasswordError::Long));
        assert_eq!(check_length(&"😀".repeat(65)), Err(PasswordError::Long));
    }
}
