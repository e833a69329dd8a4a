mod guesses;
mod wordlist;

/// Lengths count UTF-16 units, as every browser and the Better-Auth contract do.
const MIN_UNITS: usize = 12;
/// A longer one is refused, never cut: hashing is not made slower by it, reading the body is.
const MAX_UNITS: usize = 128;

/// About 10^8 guesses: what a stolen hash of today's cost withstands for days on one machine. With
/// fewer a password counts as breached: lists of breached passwords are tried decorated, too.
const MIN_GUESSES_BITS: u32 = 27;

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
    /// Among the first that are tried: a common password, the user's name or address, however
    /// decorated.
    Breached,
}

/// The policy for a new password. `own` is what is known of its user: name, e-mail address.
pub(crate) fn check_new(password: &str, own: &[&str]) -> Result<(), PasswordError> {
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
        [] if guesses::bits(password, own) < MIN_GUESSES_BITS => Err(PasswordError::Breached),
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
            assert_eq!(check_new(good, &[]), Ok(()), "{good}");
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
            assert_eq!(check_new(password, &[]), Err(PasswordError::Weak(missing)), "{password:?}");
        }
    }

    #[test]
    fn a_short_password_that_lacks_nothing_else_is_too_short() {
        assert_eq!(check_new("aB3$aB3$aB3", &[]), Err(PasswordError::Short));
    }

    #[test]
    fn length_is_counted_in_utf16_units() {
        // Ten characters, twelve units.
        assert_eq!(check_new("aB3$aB3$😀😀", &[]), Ok(()));
        let longest = format!("aB3${}", "x".repeat(124));
        assert_eq!(check_new(&longest, &[]), Ok(()));
        assert_eq!(check_new(&format!("{longest}x"), &[]), Err(PasswordError::Long));
        assert_eq!(check_length(&"😀".repeat(65)), Err(PasswordError::Long));
    }

    #[test]
    fn a_decorated_common_password_is_breached() {
        for breached in [
            "Password1234!",
            "Passw0rd!2024",
            "P@ssword1234",
            "!!drowssaP99",
            "Pässwörd-1999",
            "PasswordPassword1!",
            "Qwertyuiop1!",
            "Qwerty123456!",
            "1qaz@WSX3edc",
            "Welcome@12345",
            "Admin@123456",
            "Letmein12345!",
            "Iloveyou123!",
            "Summer2024!!!",
            "Monkey!Dragon1",
            "Michael12031990!",
            "Intellistack-1",
            "Abcdefgh1234!",
        ] {
            assert_eq!(check_new(breached, &[]), Err(PasswordError::Breached), "{breached}");
        }
    }

    #[test]
    fn a_password_made_of_the_users_name_or_address_is_breached() {
        let own = ["Grace Przybylski", "grace.p@kzoo-college.example"];
        for breached in ["Przybylski-17", "GracePrzybylski1!", "Kzoo-College1", "Przyby1$k1-2024"] {
            assert_eq!(check_new(breached, &own), Err(PasswordError::Breached), "{breached}");
        }
        assert_eq!(check_new("Przybylski-17", &["Ada", "ada@example.com"]), Ok(()));
    }

    #[test]
    fn uncommon_words_and_random_characters_are_taken() {
        for good in [
            "Correct-Horse-7-Battery",
            "Correct-Horse-7",
            "Wrong-Horse-99",
            "Another-Pass-99",
            "x7Kq-2vRm!Zt",
            "Marmalade&Lighthouse4",
        ] {
            assert_eq!(check_new(good, &["Ada Lovelace", "ada@example.com"]), Ok(()), "{good}");
        }
    }
}
