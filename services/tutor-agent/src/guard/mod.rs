//! Nothing leaves unchecked: a piece goes out only when it is whole and, after all that went out
//! before it, spells no answer to an exercise in play.
//!
//! The model is taken for hostile; this is the place that decides, not the prompt.

mod forms;
mod markers;
mod pieces;
mod tokens;

use std::sync::Arc;

pub use forms::AnswerForms;
use pieces::{Piece, Pieces};
use tokens::{Stars, tokens};

/// What stands where an answer was. Several, because one of them may itself be too near an answer.
const HINTS: [&str; 3] = [
    "Let us not jump to the result: which step would you try first?",
    "I leave this part to you: what does the lesson say about it?",
    "This one is yours to find.",
];
const HINTS_IN_CODE: [&str; 2] = ["... your turn: what belongs here?", "..."];
/// Hints in a row before further answers vanish without one.
const PATIENCE: usize = 1;

/// A checked piece. Citations are character offsets in its text and the passage's number, from 1.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    pub text: String,
    pub cites: Vec<(usize, usize)>,
}

/// Checks one answer.
#[derive(Debug)]
pub struct Guard {
    forms: Arc<AnswerForms>,
    passages: usize,
    pieces: Pieces,
    said: Said,
    rewrites: u32,
    in_a_row: usize,
}

impl Guard {
    /// `passages`: how many may be cited.
    pub fn new(forms: Arc<AnswerForms>, passages: usize) -> Self {
        Self { forms, passages, pieces: Pieces::default(), said: Said::default(), rewrites: 0, in_a_row: 0 }
    }

    /// Takes the next chunk of the answer and gives back what may leave.
    pub fn push(&mut self, chunk: &str) -> Vec<Checked> {
        self.pieces.push(chunk).into_iter().filter_map(|piece| self.check(piece)).collect()
    }

    /// Gives back the rest, at the end of the answer.
    pub fn finish(&mut self) -> Option<Checked> {
        self.pieces.finish().and_then(|piece| self.check(piece))
    }

    /// Pieces that were held back and replaced.
    pub fn rewrites(&self) -> u32 {
        self.rewrites
    }

    fn check(&mut self, piece: Piece) -> Option<Checked> {
        // Postgres stores no NUL, and no other control character has a place in an answer.
        let clean: String =
            piece.text.chars().filter(|letter| !letter.is_control() || "\n\t".contains(*letter)).collect();
        let (text, cites) =
            if piece.code { (clean, Vec::new()) } else { markers::extract(&clean, self.passages) };
        let checked = if self.said.may_follow(&text, &self.forms) {
            self.in_a_row = 0;
            Checked { text, cites }
        } else {
            self.rewrites += 1;
            Checked { text: self.instead_of(&text, piece.code), cites: Vec::new() }
        };
        self.said.add(&checked.text, &self.forms);
        (!checked.text.is_empty()).then_some(checked)
    }

    /// A hint in the shape of the piece; nothing but its line break when no hint is fit.
    fn instead_of(&mut self, text: &str, code: bool) -> String {
        let end = &text[text.trim_end().len()..];
        let end = if end.contains('\n') { "\n" } else { end };
        let hints: &[&str] = if code { &HINTS_IN_CODE } else { &HINTS };
        let begin = self.in_a_row;
        self.in_a_row += 1;
        let fit = |hint: &String| self.said.may_follow(hint, &self.forms);
        let hint = hints.iter().skip(begin).map(|hint| format!("{hint}{end}")).find(fit);
        let nothing = Some(end.to_owned()).filter(fit);
        hint.filter(|_| begin <= PATIENCE).or(nothing).unwrap_or_default()
    }
}

/// The end of what went out: as many tokens as an answer can reach back.
#[derive(Debug, Default)]
struct Said {
    plain: Vec<String>,
    operators: Vec<String>,
    /// After the last white space: its tokens may still grow.
    open: String,
}

impl Said {
    fn may_follow(&self, text: &str, forms: &AnswerForms) -> bool {
        if forms.is_empty() {
            return true;
        }
        let text = format!("{}{text}", self.open);
        let hit = |before: &[String], stars| {
            let mut all = before.to_vec();
            all.extend(tokens(&text, stars));
            forms.hit(&all, stars)
        };
        !hit(&self.plain, Stars::Decoration) && !hit(&self.operators, Stars::Operators)
    }

    fn add(&mut self, text: &str, forms: &AnswerForms) {
        if forms.is_empty() {
            return;
        }
        self.open.push_str(text);
        let closed = self
            .open
            .rfind(char::is_whitespace)
            .map_or(0, |at| at + self.open[at..].chars().next().map_or(0, char::len_utf8));
        let open = self.open.split_off(closed);
        let closed = std::mem::replace(&mut self.open, open);
        // One more than the longest, for the word before a form.
        let keep = forms.longest();
        for (tail, stars) in [(&mut self.plain, Stars::Decoration), (&mut self.operators, Stars::Operators)] {
            tail.extend(tokens(&closed, stars));
            let surplus = tail.len().saturating_sub(keep);
            tail.drain(..surplus);
        }
    }
}

#[cfg(test)]
mod tests;
