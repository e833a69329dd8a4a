//! mdBook's own way to write formulas, `\\( … \\)` and `\\[ … \\]`, as `$…$` and `$$…$$`.

use super::source::{code_ranges, is_within};

/// Line for line the same text. Only for books that have formulas.
pub(crate) fn dollars(text: &str) -> String {
    let code = code_ranges(text);
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    while let Some(found) = text[done..].find(r"\\").map(|at| at + done) {
        let formula = (!is_within(&code, found)).then(|| formula(&text[found..])).flatten();
        let (len, replacement) = formula.unwrap_or_else(|| (2, r"\\".to_owned()));
        out.push_str(&text[done..found]);
        out.push_str(&replacement);
        done = found + len;
    }
    out.push_str(&text[done..]);
    out
}

/// A formula at the start of the text: its length there, and what it becomes.
fn formula(text: &str) -> Option<(usize, String)> {
    let (close, dollars) = match text.get(..3)? {
        r"\\(" => (r"\\)", "$"),
        r"\\[" => (r"\\]", "$$"),
        _ => return None,
    };
    let inner = &text[3..3 + text[3..].find(close)?];
    let len = inner.len() + 6;
    // A formula does not reach over paragraphs, nor can it hold what would end it.
    if inner.contains('$') || inner.trim().is_empty() || inner.contains("\n\n") {
        return None;
    }
    // Display formulas may begin and end with a line of their own; inline ones may not with a space.
    let inner = if dollars == "$" { inner.trim() } else { inner };
    Some((len, format!("{dollars}{}{dollars}", unescape(inner))))
}

/// Markdown takes a backslash away before punctuation, so authors double it.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letters.peek() {
            Some(next) if letter == '\\' && next.is_ascii_punctuation() => {
                out.push(*next);
                letters.next();
            }
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_become_dollars() {
        assert_eq!(dollars(r"so \\( a_1 + \frac{b}{c} \\) it is"), r"so $a_1 + \frac{b}{c}$ it is");
        assert_eq!(dollars("\\\\[\nx \\\\\\\\ y\n\\\\]"), "$$\nx \\\\ y\n$$");
    }

    #[test]
    fn code_and_broken_formulas_are_let_be() {
        for text in [
            r"`\\( a \\)`",
            "```\n\\\\( a \\\\)\n```",
            r"\\( a",
            "\\\\[ a\n\nb \\\\]",
            r"a \\ b",
            r"\\(  \\)",
        ] {
            assert_eq!(dollars(text), text);
        }
    }
}
