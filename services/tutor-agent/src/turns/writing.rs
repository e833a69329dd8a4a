//! An answer while it is being written.

use std::sync::Arc;
use std::time::{Duration, Instant};

use api::tutor_agent::turn_event::Event;
use api::tutor_agent::{AnswerStarted, Citation, TextDelta};
use chrono::{DateTime, Utc};
use futures::StreamExt;

use super::feed::Feed;
use crate::domain::citation::cite;
use crate::guard::{Checked, Guard};
use crate::model::{Answer, Chunk, ModelError};
use crate::prompt::{Prompt, estimate};

/// A model that does not stop is stopped.
const LONGEST_CHARACTERS: usize = 24_000;

/// Where an answer goes to.
pub struct Page<'a> {
    pub feed: &'a mut Feed,
    pub answer_id: &'a str,
    pub course_slug: &'a str,
    pub begun: Instant,
    pub now: DateTime<Utc>,
}

/// What has left so far.
#[derive(Debug)]
pub struct Writing {
    guard: Guard,
    pub text: String,
    characters: usize,
    pub citations: Vec<Citation>,
    pub first_token: Option<Duration>,
    usage: Option<(u32, u32)>,
    written: usize,
}

/// Tokens, and whether we had to guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokens {
    pub sent: u32,
    pub received: u32,
    pub estimated: bool,
}

impl Writing {
    pub fn new(prompt: &Prompt) -> Self {
        Self {
            guard: Guard::new(Arc::clone(&prompt.secrets), prompt.passages.len()),
            text: String::new(),
            characters: 0,
            citations: Vec::new(),
            first_token: None,
            usage: None,
            written: 0,
        }
    }

    /// Nothing that can be read has left.
    pub fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    pub fn rewrites(&self) -> u32 {
        self.guard.rewrites()
    }

    pub fn tokens(&self, prompt: &Prompt) -> Tokens {
        match self.usage {
            Some((sent, received)) => Tokens { sent, received, estimated: false },
            None => {
                Tokens { sent: prompt.estimated_tokens(), received: estimate(self.written), estimated: true }
            }
        }
    }

    /// Reads the model to its end.
    ///
    /// # Errors
    /// The model's; what has left before stays.
    pub async fn take(
        &mut self,
        mut answer: Answer,
        prompt: &Prompt,
        page: &mut Page<'_>,
    ) -> Result<(), ModelError> {
        while let Some(chunk) = answer.next().await {
            match chunk? {
                Chunk::Usage { tokens_in, tokens_out } => self.usage = Some((tokens_in, tokens_out)),
                Chunk::Text(text) => {
                    self.written += text.chars().count();
                    for checked in self.guard.push(&text) {
                        self.leave(checked, prompt, page);
                    }
                    if self.written > LONGEST_CHARACTERS {
                        tracing::warn!("the model was stopped at {LONGEST_CHARACTERS} characters");
                        break;
                    }
                }
            }
        }
        if let Some(checked) = self.guard.finish() {
            self.leave(checked, prompt, page);
        }
        Ok(())
    }

    fn leave(&mut self, checked: Checked, prompt: &Prompt, page: &mut Page<'_>) {
        // An answer does not begin with white space.
        if self.text.is_empty() && checked.text.trim().is_empty() {
            return;
        }
        if self.text.is_empty() {
            self.first_token = Some(page.begun.elapsed());
            page.feed.send(Event::AnswerStarted(AnswerStarted {
                item_id: page.answer_id.to_owned(),
                created_at: Some(api::timestamp(page.now)),
            }));
        }
        let begin = self.characters;
        self.characters += checked.text.chars().count();
        self.text += &checked.text;
        page.feed.send(Event::TextDelta(TextDelta { delta: checked.text }));
        for (at, n) in checked.cites {
            let Some(passage) = n.checked_sub(1).and_then(|n| prompt.passages.get(n)) else { continue };
            let index = u32::try_from(begin + at).unwrap_or(u32::MAX);
            let citation = cite(page.course_slug, passage, index);
            self.citations.push(citation.clone());
            page.feed.send(Event::Citation(citation));
        }
    }
}
