//! What must not be said.

use std::collections::HashMap;

use api::curriculum::AnswerKey;

use super::tokens::{Stars, tokens};

/// A sentence of a long answer key is secret by itself from this many words on; shorter ones
/// ("Then add them.") stand in every hint.
const TELLING_WORDS: usize = 8;

/// Words that make a single letter an answer ("the answer is B").
const LETTER_CONTEXT: [&str; 8] = ["answer", "option", "choice", "letter", "is", "pick", "choose", "="];

/// The answers to the exercises in play, as token sequences.
#[derive(Clone, Default)]
pub struct AnswerForms {
    by_first: HashMap<String, Vec<Form>>,
    longest: usize,
}

#[derive(Clone)]
struct Form {
    tokens: Vec<String>,
    stars: Stars,
}

/// The text a pupil is to find must not get into a log.
impl std::fmt::Debug for AnswerForms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count: usize = self.by_first.values().map(Vec::len).sum();
        f.debug_struct("AnswerForms").field("count", &count).finish_non_exhaustive()
    }
}

impl AnswerForms {
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a AnswerKey>) -> Self {
        let mut forms = Self::default();
        for key in keys {
            forms.add(&key.answer_key);
            for form in &key.answer_forms {
                forms.add(form);
            }
            for sentence in key.answer_key.split_inclusive(['.', '\n', ';']) {
                if tokens(sentence, Stars::Decoration).len() >= TELLING_WORDS {
                    forms.add(sentence);
                }
            }
        }
        forms
    }

    /// Only literal texts, for tests.
    #[cfg(test)]
    pub fn of(texts: &[&str]) -> Self {
        let mut forms = Self::default();
        for text in texts {
            forms.add(text);
        }
        forms
    }

    pub fn is_empty(&self) -> bool {
        self.by_first.is_empty()
    }

    /// Tokens of the longest form.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// Whether a text holds an answer.
    pub fn are_in(&self, text: &str) -> bool {
        !self.is_empty()
            && (self.hit(&tokens(text, Stars::Decoration), Stars::Decoration)
                || self.hit(&tokens(text, Stars::Operators), Stars::Operators))
    }

    /// Whether tokens that were read one way hold a form that is compared that way.
    pub fn hit(&self, said: &[String], stars: Stars) -> bool {
        said.iter().enumerate().any(|(at, token)| {
            self.by_first.get(token).is_some_and(|forms| {
                forms.iter().any(|form| form.stars == stars && form.begins(&said[at..], said[..at].last()))
            })
        })
    }

    fn add(&mut self, text: &str) {
        // A form with a multiplication is only itself with its star; any other is itself whatever
        // stars adorn it.
        let operators = tokens(text, Stars::Operators);
        let plain = tokens(text, Stars::Decoration);
        let multiplies = plain.iter().any(|token| token == "*")
            || operators.windows(3).any(|three| {
                three[1] == "*"
                    && three[0] != "*"
                    && three[2] != "*"
                    && is_operand(&three[0])
                    && is_operand(&three[2])
            });
        let form = if multiplies {
            Form { tokens: operators, stars: Stars::Operators }
        } else {
            Form { tokens: plain, stars: Stars::Decoration }
        };
        let Some(first) = form.tokens.first().cloned() else { return };
        self.longest = self.longest.max(form.tokens.len());
        self.by_first.entry(first).or_default().push(form);
    }
}

fn is_operand(token: &str) -> bool {
    token.starts_with(|letter: char| letter.is_ascii_digit()) || token.chars().count() == 1
}

impl Form {
    fn begins(&self, said: &[String], before: Option<&String>) -> bool {
        if !said.starts_with(&self.tokens) {
            return false;
        }
        let letter = self.tokens.len() == 1
            && self.tokens[0].len() == 1
            && self.tokens[0].as_bytes()[0].is_ascii_lowercase();
        !letter || before.is_none_or(|before| LETTER_CONTEXT.contains(&before.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_found_as_a_whole_and_not_inside_of_something_else() {
        let forms = AnswerForms::of(&["42", "moved to the heap", "2*3"]);
        for said in
            ["It is 42.", "so x=42", "**Moved** to\nthe heap", "42, of course", "compute 2*3 now", "2 × 3"]
        {
            assert!(forms.are_in(said), "{said}");
        }
        for said in ["142 or 42.5 or 420", "moved to the stack", "23 sheep", "the heap moved", "i42"] {
            assert!(!forms.are_in(said), "{said}");
        }
    }

    #[test]
    fn a_letter_is_an_answer_only_where_an_answer_is_named() {
        let forms = AnswerForms::of(&["a"]);
        assert!(forms.are_in("The answer is (A)."));
        assert!(forms.are_in("A"));
        assert!(!forms.are_in("Take a look at a borrow."));
    }

    #[test]
    fn a_long_key_is_secret_sentence_by_sentence() {
        let key = AnswerKey {
            answer_key: "Think. The call moves the string, so the variable is no longer valid.".into(),
            ..AnswerKey::default()
        };
        let forms = AnswerForms::new([&key]);
        assert!(forms.are_in("Well: the call moves the string so the variable is no longer valid, see?"));
        assert!(!forms.are_in("Think."));
    }

    #[test]
    fn the_answers_do_not_show_in_a_log() {
        assert_eq!(format!("{:?}", AnswerForms::of(&["secret"])), "AnswerForms { count: 1, .. }");
    }
}
