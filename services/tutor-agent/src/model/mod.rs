//! Who writes the answer. [`ChatModel`] is the port.

mod offline;
mod openai;

use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;

pub use offline::OfflineTutor;
pub use openai::{OpenAiModel, Patience};

use crate::prompt::Prompt;

/// The name under which the built-in tutor is recorded.
pub const OFFLINE: &str = "offline";

/// What comes out of a model, in this order: text, then perhaps its usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunk {
    Text(String),
    Usage { tokens_in: u32, tokens_out: u32 },
}

/// Why there is no answer, or no more of it. The text is for the log.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Away, overloaded, out of quota, or it refused the request.
    #[error("the model did not answer: {0}")]
    Unavailable(String),
    #[error("the model was silent for {0:?}")]
    TimedOut(Duration),
    /// The stream ended before the answer did.
    #[error("the model's answer broke off: {0}")]
    BrokenOff(String),
}

pub type Answer = BoxStream<'static, Result<Chunk, ModelError>>;

/// A model that answers in a stream.
#[async_trait]
pub trait ChatModel: Send + Sync + 'static {
    /// As recorded in events.
    fn name(&self) -> &str;

    fn is_offline(&self) -> bool {
        false
    }

    /// Begins an answer. The stream ends after the last chunk or the first error; it may be
    /// dropped at any time, which stops the model.
    ///
    /// # Errors
    /// [`ModelError`] when no answer begins.
    async fn answer(&self, prompt: &Prompt) -> Result<Answer, ModelError>;
}
