//! Choosing the sentence that helps.

use std::collections::BTreeSet;

use crate::prompt::Prompt;
use crate::retrieval::Passage;

const SHORTEST: usize = 25;
const LONGEST: usize = 280;

/// Words that tell nothing about a topic.
const EMPTY: [&str; 60] = [
    "a",
    "about",
    "an",
    "and",
    "are",
    "as",
    "at",
    "be",
    "but",
    "by",
    "can",
    "could",
    "did",
    "do",
    "does",
    "explain",
    "for",
    "from",
    "get",
    "give",
    "has",
    "have",
    "help",
    "how",
    "i",
    "if",
    "in",
    "is",
    "it",
    "its",
    "just",
    "know",
    "me",
    "mean",
    "my",
    "not",
    "of",
    "on",
    "or",
    "please",
    "so",
    "tell",
    "that",
    "the",
    "then",
    "there",
    "this",
    "to",
    "understand",
    "use",
    "was",
    "what",
    "when",
    "where",
    "which",
    "why",
    "with",
    "would",
    "you",
    "your",
];

pub struct Hint {
    pub heading: String,
    pub sentence: String,
    /// The passage's number, as text for a phrase.
    pub n: String,
    /// Another section and its number.
    pub also: Option<(String, usize)>,
}

/// The topic words of a text, without the endings that English puts on them.
pub fn words(text: &str) -> BTreeSet<String> {
    text.to_lowercase()
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty() && !EMPTY.contains(word))
        .map(stem)
        .collect()
}

fn stem(word: &str) -> String {
    let endings = [("ies", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", ""), ("e", "")];
    let ending =
        endings.into_iter().find(|(ending, _)| word.ends_with(ending) && word.len() > ending.len() + 2);
    ending.map_or_else(
        || word.to_owned(),
        |(ending, instead)| format!("{}{instead}", &word[..word.len() - ending.len()]),
    )
}

/// The best sentence for these words, or the next best ones for a student who asks on. Never one
/// that holds an answer to an exercise.
pub fn hint(prompt: &Prompt, words: &BTreeSet<String>, skip: usize) -> Option<Hint> {
    let mut candidates: Vec<(usize, usize, String)> = Vec::new();
    for (at, passage) in prompt.passages.iter().enumerate() {
        for sentence in
            sentences(&passage.text).into_iter().filter(|sentence| !prompt.secrets.are_in(sentence))
        {
            // Passages come best first; a rank is worth as much as a word.
            let shared = self::words(&sentence).intersection(words).count();
            candidates.push((shared * 2 + prompt.passages.len() - at, at, sentence));
        }
    }
    candidates.sort_by_key(|(score, at, _)| (std::cmp::Reverse(*score), *at));
    let count = candidates.len();
    let (_, at, sentence) = candidates.into_iter().nth(if count == 0 { 0 } else { skip % count.min(4) })?;
    let passage = prompt.passages.get(at)?;
    let heading = heading(passage);
    let elsewhere = |(_, other): &(usize, &Passage)| self::heading(other) != heading;
    let also =
        prompt.passages.iter().enumerate().find(elsewhere).map(|(n, other)| (self::heading(other), n + 1));
    Some(Hint { heading, sentence, n: (at + 1).to_string(), also })
}

fn heading(passage: &Passage) -> String {
    passage.breadcrumb.last().unwrap_or(&passage.lesson_title).replace('*', "")
}

/// Sentences of running text that can stand alone: no code, no tables, no headings.
fn sentences(markdown: &str) -> Vec<String> {
    let mut text = String::new();
    let mut fenced = false;
    for line in markdown.lines().map(str::trim) {
        if line.starts_with("```") || line.starts_with("~~~") {
            fenced = !fenced;
        }
        let prose = !fenced && !line.starts_with(['#', '|', '`', '~', '<', '!']) && !line.is_empty();
        let item = line.trim_start_matches(['-', '*', '>', ' ']);
        if prose && item.len() < line.len() && !text.ends_with(['\n', ' ']) {
            text.push('\n');
        }
        text += if prose { item } else { "\n" };
        text.push(' ');
    }
    let mut sentences = Vec::new();
    for paragraph in text.split('\n') {
        let mut begin = 0;
        for (at, _) in paragraph.match_indices(['.', '!', '?']) {
            let end = at + 1;
            let in_code = paragraph[begin..end].matches('`').count() % 2 == 1;
            let next = paragraph[end..].trim_start().chars().next();
            // "e.g. this" goes on.
            let goes_on = next.is_some_and(char::is_lowercase);
            if !in_code && !goes_on && paragraph[end..].starts_with(' ') {
                sentences.push(paragraph[begin..end].trim().to_owned());
                begin = end;
            }
        }
    }
    // A colon announces what does not come along.
    sentences.retain(|sentence| {
        (SHORTEST..=LONGEST).contains(&sentence.chars().count()) && !sentence.contains("](")
    });
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_running_text_makes_hints() {
        let markdown = "# Moves\nAssigning a `String` moves it, e.g. to another variable. Short.\n\n```rust\nlet secret_of_the_code = 1. + 2.;\n```\n- A list item stands on its own feet here.\n| a table | is skipped entirely. |\n";
        assert_eq!(
            sentences(markdown),
            [
                "Assigning a `String` moves it, e.g. to another variable.",
                "A list item stands on its own feet here."
            ]
        );
    }

    #[test]
    fn words_are_compared_without_their_endings() {
        assert_eq!(words("What is moving? Moves!"), words("move"));
    }
}
