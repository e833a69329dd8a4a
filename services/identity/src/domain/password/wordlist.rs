//! The common passwords and words, searched in place: sorted lines `word bits`, where `bits` is the
//! base-2 logarithm of how many others are tried before it.

const LIST: &[u8] = include_bytes!("../../../data/common-passwords.txt");

/// The lines that begin with what was read so far: offsets into the list, at line starts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prefix {
    first: usize,
    end: usize,
    length: usize,
}

/// A word of the list, told apart from others by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) place: usize,
    pub(super) bits: u32,
}

impl Prefix {
    pub(super) const EMPTY: Self = Self { first: 0, end: LIST.len(), length: 0 };

    /// The lines that go on with `next`, if there are any.
    pub(super) fn then(self, next: char) -> Option<Self> {
        let next = u8::try_from(next).ok().filter(u8::is_ascii_graphic)?;
        let first = self.first_from(next);
        let end = Self { first, ..self }.first_from(next + 1);
        (first < end).then_some(Self { first, end, length: self.length + 1 })
    }

    /// The word that ends here, if one does; it sorts before all that go on.
    pub(super) fn word(self) -> Option<Word> {
        let rest = LIST.get(self.first + self.length..)?.strip_prefix(b" ")?;
        let bits = rest.iter().take_while(|byte| byte.is_ascii_digit());
        let bits = bits.fold(0, |bits, digit| bits * 10 + u32::from(digit - b'0'));
        Some(Word { place: self.first, bits })
    }

    /// Where the lines begin whose next byte is at least `byte`.
    fn first_from(self, byte: u8) -> usize {
        let (mut low, mut high) = (self.first, self.end);
        while low < high {
            let middle = low + (high - low) / 2;
            let before = LIST[low..middle].iter().rposition(|byte| *byte == b'\n');
            let line = before.map_or(low, |newline| low + newline + 1);
            if LIST[line + self.length] < byte {
                let length = LIST[line..high].iter().position(|byte| *byte == b'\n');
                low = length.map_or(high, |length| line + length + 1);
            } else {
                high = line;
            }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(word: &str) -> Option<u32> {
        let prefix = word.chars().try_fold(Prefix::EMPTY, Prefix::then)?;
        prefix.word().map(|word| word.bits)
    }

    #[test]
    fn the_list_is_sorted_and_every_word_is_found_in_it() {
        let list = str::from_utf8(LIST).unwrap();
        assert!(list.is_ascii() && list.ends_with('\n'));
        let lines: Vec<(&str, u32)> = list
            .lines()
            .map(|line| line.split_once(' ').unwrap())
            .map(|(word, bits)| (word, bits.parse().unwrap()))
            .collect();
        assert!(lines.len() > 30_000 && lines.is_sorted_by(|a, b| a.0 < b.0));
        for (word, bits) in lines {
            assert!(word.len() >= 3 && bits < 16, "{word} {bits}");
            assert!(word.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()), "{word}");
            assert_eq!(find(word), Some(bits), "{word}");
        }
    }

    #[test]
    fn what_is_not_in_the_list_is_not_found() {
        for word in ["", "passwordpassword1", "zzzzzzzzzzzzzzzz", "~", " ", "\n", "é", "password 1"] {
            assert_eq!(find(word), None, "{word:?}");
        }
    }
}
