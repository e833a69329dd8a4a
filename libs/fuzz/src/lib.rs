//! Inputs for the fuzz targets of parsers.
//!
//! ```ignore
//! fuzz::check!().with_iterations(2_000).with_generator(fuzz::near(["a=1; b=2"], &[";", "="])).for_each(
//!     |input| assert_eq!(parse(input).map(|it| it.to_string()), ..),
//! );
//! ```

use std::ops::Bound;

pub use bolero::generator::ValueGenerator;
pub use bolero::{Driver, check};

const MAX_EDITS: usize = 4;
const MAX_WORDS: usize = 12;
const MAX_NOISE: usize = 48;
/// The longest piece that one edit takes away or repeats.
const MAX_PIECE: usize = 8;

/// Inputs near the `seeds`, which are valid, and put together from the `words` of the format.
pub fn near<S: Into<Vec<u8>>>(seeds: impl IntoIterator<Item = S>, words: &'static [&'static str]) -> Near {
    Near { seeds: seeds.into_iter().map(Into::into).collect(), words }
}

/// One of each part after the other, in every combination: seeds that edits would not find.
pub fn product(parts: &[&[&str]]) -> Vec<String> {
    let empty = vec![String::new()];
    parts.iter().fold(empty, |made, part| {
        made.iter().flat_map(|start| part.iter().map(move |end| format!("{start}{end}"))).collect()
    })
}

/// Makes byte strings; see [`near`].
#[derive(Debug, Clone)]
pub struct Near {
    seeds: Vec<Vec<u8>>,
    words: &'static [&'static str],
}

/// Makes texts; see [`Near::text`].
#[derive(Debug, Clone)]
pub struct NearText(Near);

impl Near {
    /// The same as texts: what is not UTF-8 becomes U+FFFD.
    pub fn text(self) -> NearText {
        NearText(self)
    }

    fn edited<D: Driver>(&self, driver: &mut D) -> Option<Vec<u8>> {
        let mut bytes = pick(driver, &self.seeds)?.clone();
        for _ in 0..=below(driver, MAX_EDITS)? {
            self.edit(driver, &mut bytes)?;
        }
        Some(bytes)
    }

    fn edit<D: Driver>(&self, driver: &mut D, bytes: &mut Vec<u8>) -> Option<()> {
        let at = below(driver, bytes.len() + 1)?;
        let end = bytes.len().min(at + 1 + below(driver, MAX_PIECE)?);
        match below(driver, 9)? {
            0 => drop(bytes.splice(at..end, self.word(driver)?)),
            1 => drop(bytes.splice(at..at, self.word(driver)?)),
            2 => drop(bytes.drain(at..end)),
            3 => bytes.truncate(at),
            4 => {
                let piece = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, piece));
            }
            5 => {
                let other = pick(driver, &self.seeds)?;
                let from = below(driver, other.len() + 1)?;
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            edit => {
                let Some(byte) = bytes.get(at).copied() else { return Some(()) };
                match edit {
                    6 => bytes[at] ^= 1 << below(driver, 8)?,
                    7 => bytes[at] ^= b' ',
                    _ => drop(bytes.splice(at..=at, format!("%{byte:02x}").into_bytes())),
                }
            }
        }
        Some(())
    }

    /// A word of the format, or any character.
    fn word<D: Driver>(&self, driver: &mut D) -> Option<Vec<u8>> {
        if self.words.is_empty() || below(driver, 4)? == 0 {
            return driver.produce::<char>().map(|any| any.to_string().into_bytes());
        }
        pick(driver, self.words).map(|word| word.as_bytes().to_vec())
    }
}

impl ValueGenerator for Near {
    type Output = Vec<u8>;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<Vec<u8>> {
        match below(driver, 16)? {
            0 | 1 => pick(driver, &self.seeds).cloned(),
            2 => (0..below(driver, MAX_NOISE)?).map(|_| driver.produce::<u8>()).collect(),
            3..6 => {
                let words: Option<Vec<_>> =
                    (0..below(driver, MAX_WORDS)?).map(|_| self.word(driver)).collect();
                words.map(|words| words.concat())
            }
            _ => self.edited(driver),
        }
    }
}

impl ValueGenerator for NearText {
    type Output = String;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<String> {
        self.0.generate(driver).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// A number less than `end`, which is not zero.
fn below<D: Driver>(driver: &mut D, end: usize) -> Option<usize> {
    driver.gen_usize(Bound::Included(&0), Bound::Excluded(&end))
}

fn pick<'a, T, D: Driver>(driver: &mut D, from: &'a [T]) -> Option<&'a T> {
    from.get(below(driver, from.len().max(1))?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_product_has_every_combination() {
        assert_eq!(product(&[&["a", "b"], &["-"], &["", "c"]]), ["a-", "a-c", "b-", "b-c"]);
        assert_eq!(product(&[]), [""]);
    }

    #[test]
    fn valid_inputs_near_ones_and_noise_are_all_made() {
        let made = Mutex::new(BTreeSet::new());
        check!().with_iterations(20_000).with_generator(near(["name=value"], &[";"])).for_each(|input| {
            made.lock().unwrap().insert(input.clone());
        });
        let made = made.into_inner().unwrap();
        assert!(made.len() > 5_000, "{}", made.len());
        let contains =
            |piece: &str| made.iter().any(|it| it.windows(piece.len()).any(|w| w == piece.as_bytes()));
        assert!(made.contains(&b"name=value"[..]) && made.contains(&b""[..]));
        for piece in ["nam;", "=value;", "vaname", "%6eame", ";;", "Name"] {
            assert!(contains(piece), "{piece}");
        }
    }
}
