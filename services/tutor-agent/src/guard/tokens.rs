//! Text as the words and numbers a reader sees, whatever it is dressed in.

use unicode_normalization::UnicodeNormalization;

/// How a single `*` is read: as decoration (`*4*2`) or as multiplication (`4*2`). Both readings
/// are compared, since Markdown decides by what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stars {
    Decoration,
    Operators,
}

/// Commands that change how their argument looks and not what it says.
const DRESS: [&str; 18] = [
    "text",
    "textbf",
    "textit",
    "texttt",
    "emph",
    "underline",
    "mathrm",
    "mathbf",
    "mathit",
    "mathsf",
    "mathtt",
    "operatorname",
    "boxed",
    "left",
    "right",
    "displaystyle",
    "quad",
    "qquad",
];

/// The tokens of a text: lower-case words, whole numbers, operators; each character of a script
/// that writes no spaces. Case, width, invisible characters, emphasis, maths delimiters and
/// punctuation make no difference.
///
/// Each token depends on nothing beyond the next white space on either side.
pub fn tokens(text: &str, stars: Stars) -> Vec<String> {
    let visible: Vec<char> = text
        .chars()
        .filter(|letter| !is_invisible(*letter))
        .nfkc()
        .filter(|letter| !('\u{300}'..='\u{36F}').contains(letter) && !is_invisible(*letter))
        .flat_map(char::to_lowercase)
        .map(look_alike)
        .collect();
    split(&undress(&visible, stars))
}

/// Zero-width and other characters that show nothing: they must not split a word.
fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{20E3}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}')
        || (letter.is_control() && !letter.is_whitespace())
}

/// Letters of other scripts that look like Latin ones, other dashes and other digits. Applied to
/// keys and answers alike, so a key in Cyrillic still matches itself.
fn look_alike(letter: char) -> char {
    match letter {
        'а' | 'α' => 'a',
        'с' => 'c',
        'е' | 'ε' => 'e',
        'һ' => 'h',
        'і' | 'ι' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'о' | 'ο' => 'o',
        'р' | 'ρ' => 'p',
        'ѕ' => 's',
        'т' | 'τ' => 't',
        'υ' => 'u',
        'у' => 'y',
        'х' | 'χ' => 'x',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '×' | '·' | '⋅' => '*',
        '÷' | '\u{2044}' | '\u{2215}' => '/',
        other => digit(other).unwrap_or(other),
    }
}

/// Decimal digits of other scripts, by the code point of their zero.
fn digit(letter: char) -> Option<char> {
    const ZEROS: [u32; 13] =
        [0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xCE6, 0xE50, 0x17E0];
    let code = u32::from(letter);
    ZEROS.iter().find_map(|zero| char::from_digit(code.checked_sub(*zero).filter(|value| *value < 10)?, 10))
}

/// Takes Markdown and LaTeX decoration off.
fn undress(text: &[char], stars: Stars) -> Vec<char> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(letter) = text.get(at).copied() {
        at += 1;
        match letter {
            '\\' => at = undress_command(text, at, &mut out),
            '*' if stars == Stars::Operators => out.push('*'),
            // \frac{1}{2} is not twelve.
            '}' if text.get(at) == Some(&'{') => out.push(' '),
            '*' | '_' | '`' | '~' | '$' | '{' | '}' => {}
            other => out.push(other),
        }
    }
    out
}

/// After a backslash at `at - 1`; answers where to go on.
fn undress_command(text: &[char], at: usize, out: &mut Vec<char>) -> usize {
    let name: String = text.iter().skip(at).take_while(|letter| letter.is_ascii_alphabetic()).collect();
    if name.is_empty() {
        // Spaces and delimiters of LaTeX are dropped whole; an escaped character stands for itself.
        let dropped = matches!(text.get(at), Some(',' | ';' | ':' | '!' | '(' | ')' | '[' | ']'));
        return at + usize::from(dropped);
    }
    match name.as_str() {
        "cdot" | "times" => out.push('*'),
        "div" => out.push('/'),
        dress if DRESS.contains(&dress) => {}
        other => {
            out.push(' ');
            out.extend(other.chars());
            out.push(' ');
        }
    }
    at + name.len()
}

fn split(text: &[char]) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(letter) = text.get(at).copied() {
        if letter.is_ascii_digit() {
            let (number, next) = number(text, at);
            tokens.push(number);
            at = next;
        } else if stands_alone(letter) {
            tokens.push(letter.to_string());
            at += 1;
        } else if letter.is_alphanumeric() {
            let word = text[at..].iter().take_while(|next| next.is_alphanumeric() && !stands_alone(**next));
            let word: String = word.collect();
            at += word.chars().count();
            tokens.push(word);
        } else {
            let between_letters = at > 0
                && text[at - 1].is_alphabetic()
                && text.get(at + 1).is_some_and(|next| next.is_alphabetic());
            let operator = matches!(letter, '+' | '*' | '/' | '=' | '<' | '>' | '%' | '^' | '&')
                || (letter == '-' && !between_letters);
            if operator {
                tokens.push(letter.to_string());
            }
            at += 1;
        }
    }
    tokens
}

/// A whole number with its decimals; separators of thousands and idle zeros make no difference.
fn number(text: &[char], start: usize) -> (String, usize) {
    let digit_at = |at: usize| text.get(at).is_some_and(char::is_ascii_digit);
    let mut number = String::new();
    let mut at = start;
    loop {
        match text.get(at) {
            Some(digit) if digit.is_ascii_digit() => number.push(*digit),
            Some('.') if digit_at(at + 1) => number.push('.'),
            Some(',') if (1..=3).all(|ahead| digit_at(at + ahead)) && !digit_at(at + 4) => {}
            _ => break,
        }
        at += 1;
    }
    if number.matches('.').count() == 1 {
        number.truncate(number.trim_end_matches('0').trim_end_matches('.').len());
    }
    let idle = number.len() - number.trim_start_matches('0').len();
    let keep_one = number[idle..].is_empty() || number[idle..].starts_with('.');
    (number.split_off(idle - usize::from(keep_one && idle > 0)), at)
}

/// Scripts that put no spaces between words.
fn stands_alone(letter: char) -> bool {
    matches!(u32::from(letter),
        0xE00..=0xEFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x3040..=0x30FF | 0x3400..=0x4DBF
        | 0x4E00..=0x9FFF | 0xAC00..=0xD7AF | 0xF900..=0xFAFF | 0x2_0000..=0x3_FFFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        tokens(text, Stars::Decoration).join(" ")
    }

    #[test]
    fn dress_makes_no_difference() {
        for dressed in [
            "42",
            "**42**",
            "$42$",
            "\\boxed{42}",
            "4\u{200B}2",
            "４２",
            "`42`",
            "*4*2",
            "\\(42\\)",
            "٤٢",
            "042",
            "42.0",
            "4\u{FE0F}\u{20E3}2",
        ] {
            assert_eq!(plain(dressed), "42", "{dressed:?}");
        }
        assert_eq!(plain("The **Moved**, value!"), plain("the moved value"));
        assert_eq!(plain("stack-allocated"), plain("stack allocated"));
        assert_eq!(plain("mоved"), "moved", "with a Cyrillic o");
    }

    #[test]
    fn numbers_are_whole() {
        assert_eq!(plain("41,42,43 and 1,042 and 4.25"), "41 42 43 and 1042 and 4.25");
        assert_eq!(plain("i32 takes 4bytes"), "i32 takes 4 bytes");
        assert_eq!(plain("0 00 0.5 100"), "0 0 0.5 100");
        assert_eq!(plain("\\frac{1}{2}"), "frac 1 2");
    }

    #[test]
    fn operators_count_and_stars_are_read_both_ways() {
        assert_eq!(plain("x=-5%"), "x = - 5 %");
        assert_eq!(tokens("2*3", Stars::Operators).join(" "), "2 * 3");
        assert_eq!(tokens("2 \\times 3 · 4", Stars::Operators).join(" "), "2 * 3 * 4");
    }

    #[test]
    fn scripts_without_spaces_are_compared_by_character() {
        assert_eq!(plain("所有权规则"), "所 有 权 规 则");
    }
}
