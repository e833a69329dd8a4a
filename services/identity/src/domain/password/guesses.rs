//! How many guesses find a password, at most: the cheapest way to put it together from the parts
//! that guessers try first. After D. Wheeler, "zxcvbn: Low-Budget Password Strength Estimation",
//! USENIX Security 2016; in whole bits, and with work that is bounded whatever the password.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::MAX_UNITS;
use super::wordlist::Prefix;

/// What guessers of this system know besides the user.
const CONTEXT: &str = "intellistack";
/// A shorter piece of a name says nothing.
const MIN_OWN_CHARS: usize = 3;
/// Of one name or address; more than either may have. The name may not have been checked yet.
const MAX_KNOWN_CHARS: usize = 256;
/// Lines of keys, and the alphabet; guessers go along them both ways.
const WALKS: [&str; 12] = [
    "`1234567890-=",
    "qwertyuiop[]\\",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "qazwsxedcrfvtgbyhnujmik,ol.",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "abcdefghijklmnopqrstuvwxyz",
];
const MIN_WALK_CHARS: usize = 3;
/// Prefixes looked up for one password. An ordinary one takes a few hundred; what lies beyond is
/// taken for unguessable.
const MAX_LOOKUPS: usize = 8_000;

/// Costs in bits. One more part doubles the ways to arrange them.
const PART: u32 = 1;
const OWN_WORD: u32 = 1;
const SAME_WORD_AGAIN: u32 = 1;
const REVERSED: u32 = 1;
const SUBSTITUTED: u32 = 1;
const SHOUTED: u32 = 1;
const ODD_CAPITALS: u32 = 3;
const WALK: u32 = 5;
const YEAR: u32 = 6;
const DAY_AND_MONTH: u32 = 8;

/// A stretch of the password that can be guessed as a whole.
#[derive(Debug, Clone, Copy)]
struct Part {
    start: usize,
    end: usize,
    bits: u32,
}

/// The base-2 logarithm of the guesses for `password`, to the bit. `own` is what is known of the
/// user: name, e-mail address.
pub(super) fn bits(password: &str, own: &[&str]) -> u32 {
    let text = Text::new(password);
    let own: Vec<Vec<char>> =
        own.iter().flat_map(|known| own_words(known)).chain(own_words(CONTEXT)).collect();
    let mut parts = vec![Vec::new(); text.chars.len()];
    for part in text.words(&own).into_iter().chain(text.walks()).chain(text.runs()).chain(text.dates()) {
        parts[part.start].push(part);
    }
    let mut cheapest = vec![u32::MAX; text.chars.len() + 1];
    cheapest[0] = 0;
    for (start, parts) in parts.iter().enumerate() {
        let so_far = cheapest[start];
        let single = Part { start, end: start + 1, bits: text.single(start) };
        for part in parts.iter().map(|part| Part { bits: part.bits + PART, ..*part }).chain([single]) {
            cheapest[part.end] = cheapest[part.end].min(so_far + part.bits);
        }
    }
    cheapest[text.chars.len()]
}

/// A password without accents, and where its capitals were. Not `Debug`: it must not be logged.
struct Text {
    chars: Vec<char>,
    capital: Vec<bool>,
}

impl Text {
    /// What decomposition makes longer than a password may be is left out: that can only lower the
    /// estimate.
    fn new(password: &str) -> Self {
        let bare = password.nfkd().filter(|c| !is_combining_mark(*c)).take(MAX_UNITS);
        let (chars, capital) = bare.map(|c| (lower(c), c.is_uppercase())).unzip();
        Self { chars, capital }
    }

    /// A character that belongs to no part.
    fn single(&self, at: usize) -> u32 {
        match self.chars[at] {
            '0'..='9' | ' ' | '!' | '@' | '#' | '$' | '%' | '&' | '*' | '-' | '_' | '.' | '?' => 3,
            'a'..='z' => 5 + u32::from(self.capital[at]),
            c if c.is_ascii() => 5,
            _ => 8,
        }
    }

    fn words(&self, own: &[Vec<char>]) -> Vec<Part> {
        let mut lookups = MAX_LOOKUPS;
        let mut found = read_words(&self.chars, own, &mut lookups);
        let backwards: Vec<char> = self.chars.iter().rev().copied().collect();
        let length = self.chars.len();
        found.extend(read_words(&backwards, own, &mut lookups).into_iter().map(|part| Part {
            start: length - part.end,
            end: length - part.start,
            bits: part.bits + REVERSED,
        }));
        for part in &mut found {
            part.bits += self.capitals(part.start, part.end);
        }
        found
    }

    /// A capital at the front is what the policy makes everyone do: it costs nothing.
    fn capitals(&self, start: usize, end: usize) -> u32 {
        let all = |range: &[bool], capital| range.iter().all(|is| *is == capital);
        let letters: Vec<bool> =
            (start..end).filter(|at| self.chars[*at].is_alphabetic()).map(|at| self.capital[at]).collect();
        match letters.split_first() {
            None => 0,
            Some((_, rest)) if all(rest, false) => 0,
            Some(_) if all(&letters, true) => SHOUTED,
            Some(_) => ODD_CAPITALS,
        }
    }

    fn walks(&self) -> Vec<Part> {
        let keys: Vec<char> = self.chars.iter().map(|c| unshifted(*c)).collect();
        let mut found = Vec::new();
        for walk in WALKS {
            let there: Vec<char> = walk.chars().collect();
            let back: Vec<char> = walk.chars().rev().collect();
            for (line, start) in
                [there, back].iter().flat_map(|line| (0..keys.len()).map(move |at| (line, at)))
            {
                let Some(from) = line.iter().position(|key| *key == keys[start]) else { continue };
                let length = line[from..].iter().zip(&keys[start..]).take_while(|(a, b)| a == b).count();
                if length >= MIN_WALK_CHARS {
                    found.extend((MIN_WALK_CHARS..=length).map(|length| Part {
                        start,
                        end: start + length,
                        bits: WALK + length.ilog2(),
                    }));
                }
            }
        }
        found
    }

    /// The same character three times and more.
    fn runs(&self) -> Vec<Part> {
        let mut found = Vec::new();
        let mut start = 0;
        for run in self.chars.chunk_by(|a, b| a == b) {
            if run.len() >= 3 {
                found.push(Part {
                    start,
                    end: start + run.len(),
                    bits: self.single(start) + run.len().ilog2(),
                });
            }
            start += run.len();
        }
        found
    }

    /// Years, and days of a year in either order.
    fn dates(&self) -> Vec<Part> {
        let digit = |c: &char| c.to_digit(10);
        let windows = self.chars.windows(4).enumerate().filter_map(|(start, four)| {
            let digits: Vec<u32> = four.iter().filter_map(digit).collect();
            let [a, b, c, d] = digits[..] else { return None };
            let (front, back) = (a * 10 + b, c * 10 + d);
            let day = |day, month| (1..=31).contains(&day) && (1..=12).contains(&month);
            let bits = match front {
                19 => YEAR,
                20 if back < 50 => YEAR,
                _ if day(front, back) || day(back, front) => DAY_AND_MONTH,
                _ => return None,
            };
            Some(Part { start, end: start + 4, bits })
        });
        windows.collect()
    }
}

/// Every common word and every word of the user's own that can be read somewhere in `text`.
fn read_words(text: &[char], own: &[Vec<char>], lookups: &mut usize) -> Vec<Part> {
    let mut found = Vec::new();
    let mut first_ends = HashMap::new();
    for start in 0..text.len() {
        for word in own {
            let stretch = text[start..].iter().zip(word);
            let fits = stretch.clone().count() == word.len()
                && stretch.clone().all(|(seen, meant)| readings(*seen).any(|reading| reading == *meant));
            if fits {
                let bits = OWN_WORD + substituted(stretch.clone().any(|(seen, meant)| seen != meant));
                found.push(Part { start, end: start + word.len(), bits });
            }
        }
        let mut open = vec![(start, Prefix::EMPTY, false)];
        while let Some((at, prefix, changed)) = open.pop() {
            if let Some(word) = prefix.word() {
                let first_end = *first_ends.entry(word.place).or_insert(at);
                let bits = if first_end <= start { SAME_WORD_AGAIN } else { word.bits };
                found.push(Part { start, end: at, bits: bits + substituted(changed) });
            }
            let Some(seen) = text.get(at) else { continue };
            for reading in readings(*seen) {
                let Some(left) = lookups.checked_sub(1) else { return found };
                *lookups = left;
                if let Some(longer) = prefix.then(reading) {
                    open.push((at + 1, longer, changed || reading != *seen));
                }
            }
        }
    }
    found
}

fn substituted(any: bool) -> u32 {
    if any { SUBSTITUTED } else { 0 }
}

/// What a character may stand for: itself, and the letters it is commonly written for.
fn readings(seen: char) -> impl Iterator<Item = char> {
    let letters = match seen {
        '@' | '4' => "a",
        '8' => "b",
        '(' => "c",
        '3' => "e",
        '6' | '9' => "g",
        '1' | '!' | '|' => "il",
        '0' => "o",
        '$' | '5' => "s",
        '7' | '+' => "t",
        '2' => "z",
        _ => "",
    };
    std::iter::once(seen).chain(letters.chars())
}

/// The pieces of a name or an address.
fn own_words(known: &str) -> impl Iterator<Item = Vec<char>> {
    let bare: String =
        known.nfkd().filter(|c| !is_combining_mark(*c)).take(MAX_KNOWN_CHARS).map(lower).collect();
    let words: Vec<Vec<char>> = bare
        .split(|c: char| !c.is_alphanumeric())
        .map(|word| word.chars().collect::<Vec<char>>())
        .filter(|word| word.len() >= MIN_OWN_CHARS)
        .collect();
    words.into_iter()
}

/// Where one letter becomes several, the first will do.
fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

/// The key of the American layout that gives this character with Shift.
fn unshifted(c: char) -> char {
    const SHIFTED: &str = "~!@#$%^&*()_+{}|:\"<>?";
    const KEYS: &str = "`1234567890-=[]\\;',./";
    SHIFTED.chars().zip(KEYS.chars()).find(|(shifted, _)| *shifted == c).map_or(c, |(_, key)| key)
}

#[cfg(test)]
mod tests {
    use kernel::{Entropy, SeededEntropy};

    use super::*;

    const OWN: [&str; 2] = ["Ada Lovelace-Byron", "ada.king1815@school.example"];

    fn longest(pattern: &str) -> String {
        pattern.chars().cycle().take(MAX_UNITS).collect()
    }

    #[test]
    fn parts_cost_what_guessers_pay_for_them() {
        for (password, expected) in [
            ("", 0),
            ("password", 2),
            ("Password", 2),
            ("PASSWORD", 3),
            ("pAssworD", 5),
            ("p@ssw0rd", 3),
            ("drowssap", 3),
            ("passwordpassword", 4),
            ("pässwörd", 2),
            ("1999", 7),
            ("31121999", 16),
            ("vfr4", 8),
            ("~~~~~~~~", 9),
            ("xk", 10),
            ("Xk", 11),
            ("\u{2603}", 8),
        ] {
            assert_eq!(bits(password, &[]), expected, "{password}");
        }
    }

    #[test]
    fn the_users_name_and_address_are_guessed_first() {
        for password in
            ["Lovelace", "byron", "ecalevol", "L0vel@ce", "ADA", "King1815", "School", "Intellistack"]
        {
            assert!(bits(password, &OWN) <= 4, "{password}: {}", bits(password, &OWN));
        }
        assert!(bits("Lovelace", &OWN) < bits("Lovelace", &[]));
    }

    #[test]
    fn a_random_password_is_not_underestimated() {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-!";
        let entropy = SeededEntropy::new(7);
        for _ in 0..200 {
            let mut random = [0_u8; 16];
            entropy.fill(&mut random);
            let password: String =
                random.iter().map(|byte| char::from(LETTERS[usize::from(byte % 64)])).collect();
            assert!(bits(&password, &OWN) > 40, "{password}: {}", bits(&password, &OWN));
        }
    }

    #[test]
    fn the_work_for_a_hostile_password_is_bounded() {
        // Characters of many readings, words without end, and one that decomposes into eighteen.
        for pattern in ["!|1", "4@8(369!0$57+2", "s5$a4@", "p4ssw0rd", "\u{fdfa}"] {
            let text = Text::new(&longest(pattern));
            assert_eq!(text.chars.len(), MAX_UNITS, "{pattern}");
            let mut lookups = MAX_LOOKUPS;
            assert!(read_words(&text.chars, &[], &mut lookups).len() <= MAX_LOOKUPS, "{pattern}");
        }
        assert_eq!(own_words(&"ada ".repeat(100_000)).count(), MAX_KNOWN_CHARS / 4);
        let text = Text::new(&longest("password"));
        let mut lookups = 8;
        let found = read_words(&text.chars, &[], &mut lookups);
        assert_eq!(lookups, 0);
        assert!(found.iter().all(|part| part.start == 0), "nothing is read beyond the budget");
    }
}
