//! The built-in tutor: no model, no network. It reads the retrieved passages, asks a guiding
//! question, gives one sentence of the lesson as a hint and points to the section. The same
//! question at the same place always gets the same answer; asking on gets the next hint.

mod phrases;
mod reading;

use async_trait::async_trait;
use futures::StreamExt;

use super::{Answer, ChatModel, Chunk, ModelError, OFFLINE};
use crate::prompt::{Prompt, Speaker};
use phrases::{Kind, choose, kind_of};

/// Says before anything else what kind of answer this is.
const LABEL: &str = "*Offline tutor: I have no language model here, so I work with your lessons alone.*\n\n";

/// Words per chunk: it streams like a model does.
const CHUNK_WORDS: usize = 3;

#[derive(Debug, Clone, Copy, Default)]
pub struct OfflineTutor;

#[async_trait]
impl ChatModel for OfflineTutor {
    fn name(&self) -> &str {
        OFFLINE
    }

    fn is_offline(&self) -> bool {
        true
    }

    async fn answer(&self, prompt: &Prompt) -> Result<Answer, ModelError> {
        let words: Vec<String> = compose(prompt).split_inclusive(' ').map(str::to_owned).collect();
        let chunks: Vec<_> = words.chunks(CHUNK_WORDS).map(|words| Ok(Chunk::Text(words.concat()))).collect();
        Ok(futures::stream::iter(chunks).boxed())
    }
}

/// The whole answer.
fn compose(prompt: &Prompt) -> String {
    let answers_before = prompt.history.iter().filter(|message| message.speaker == Speaker::Tutor).count();
    let kind = kind_of(&prompt.question);
    let variant = seed(&prompt.question).wrapping_add(answers_before);
    let words =
        reading::words(&format!("{} {}", prompt.question, prompt.quoted.as_deref().unwrap_or_default()));
    let Some(hint) = reading::hint(prompt, &words, answers_before) else {
        let nothing = if prompt.unsearched { Kind::Unsearched } else { Kind::NothingFound };
        return format!("{LABEL}{}", fill(choose(nothing, variant), "", "", ""));
    };
    let topic = hint.heading;
    let lead = fill(choose(kind, variant), &topic, &hint.sentence, &hint.n);
    let mut answer = format!("{LABEL}{lead}");
    if let Some(other) = hint.also {
        answer += &format!("\n\nYou may also want to look at *{}* [{}].", other.0, other.1);
    }
    answer
}

/// Fills a phrase. The lesson's words come last, since they may hold braces.
fn fill(phrase: &str, topic: &str, sentence: &str, n: &str) -> String {
    let phrase = phrase.replace("{topic}", topic).replace("{n}", n);
    match phrase.split_once("{hint}") {
        Some((before, after)) => format!("{before}{sentence}{after}"),
        None => phrase,
    }
}

/// FNV-1a: the variant must not change with the process.
fn seed(text: &str) -> usize {
    let hash = text.trim().to_lowercase().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    usize::try_from(hash % 1009).unwrap_or(0)
}

#[cfg(test)]
mod tests;
