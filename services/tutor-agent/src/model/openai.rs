//! Any OpenAI-compatible endpoint: OpenAI, vLLM, Ollama, llama.cpp, LiteLLM.

use std::time::Duration;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::types::chat::ChatCompletionStreamOptions;
use async_trait::async_trait;
use futures::{Stream, StreamExt};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};

use super::{Answer, ChatModel, Chunk, ModelError};
use crate::prompt::{Prompt, Speaker};

/// How long a model may be silent.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until its first text, connecting and retries included.
    pub first_token: Duration,
    /// Between two chunks.
    pub idle: Duration,
}

pub struct OpenAiModel {
    client: Client<OpenAIConfig>,
    model: String,
    patience: Patience,
}

impl std::fmt::Debug for OpenAiModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenAiModel").field("model", &self.model).finish_non_exhaustive()
    }
}

impl OpenAiModel {
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new(
        base_url: &str,
        api_key: &SecretString,
        model: &str,
        patience: Patience,
    ) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().connect_timeout(patience.first_token).build()?;
        let config = OpenAIConfig::new()
            .with_api_base(base_url.trim_end_matches('/'))
            .with_api_key(api_key.expose_secret())
            // The configuration is what the process was given, not what its environment holds.
            .with_org_id("")
            .with_project_id("");
        Ok(Self { client: Client::build(http, config), model: model.to_owned(), patience })
    }
}

#[derive(Debug, Serialize)]
struct Request<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    stream: bool,
    stream_options: ChatCompletionStreamOptions,
}

#[derive(Debug, Serialize)]
struct Message<'a> {
    role: &'static str,
    content: std::borrow::Cow<'a, str>,
}

/// The members that are needed. Compatible servers differ in all the others, and an answer must
/// not be lost over an unknown service tier.
#[derive(Debug, Deserialize)]
struct Event {
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Usage>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    #[serde(default)]
    delta: Delta,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Delta {
    #[serde(default)]
    content: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: u32,
    #[serde(default)]
    completion_tokens: u32,
}

#[async_trait]
impl ChatModel for OpenAiModel {
    fn name(&self) -> &str {
        &self.model
    }

    async fn answer(&self, prompt: &Prompt) -> Result<Answer, ModelError> {
        let request = Request {
            model: &self.model,
            messages: messages(prompt),
            stream: true,
            stream_options: ChatCompletionStreamOptions {
                include_usage: Some(true),
                include_obfuscation: None,
            },
        };
        let by = Instant::now() + self.patience.first_token;
        let chat = self.client.chat();
        let events = timeout_at(by, chat.create_stream_byot::<_, Event>(request))
            .await
            .map_err(|_| ModelError::TimedOut(self.patience.first_token))?
            .map_err(|error| ModelError::Unavailable(describe(&error)))?;
        let reading =
            Reading { events: Box::pin(events), by, idle: self.patience.idle, begun: false, finished: false };
        Ok(futures::stream::unfold(Some(reading), next).boxed())
    }
}

fn messages(prompt: &Prompt) -> Vec<Message<'_>> {
    let mut messages = vec![Message { role: "system", content: Prompt::rules().into() }];
    messages.extend(prompt.history.iter().map(|earlier| Message {
        role: match earlier.speaker {
            Speaker::Student => "user",
            Speaker::Tutor => "assistant",
        },
        content: earlier.text.as_str().into(),
    }));
    messages.push(Message { role: "user", content: prompt.question_message().into() });
    messages
}

/// Status and kind only: the body may quote the request, and with it the student.
fn describe(error: &OpenAIError) -> String {
    match error {
        OpenAIError::ApiError(answer) => format!("status {}", answer.status_code),
        OpenAIError::Reqwest(error) if error.is_connect() => "no connection".to_owned(),
        OpenAIError::Reqwest(error) if error.is_timeout() => "time-out".to_owned(),
        OpenAIError::JSONDeserialize(error, _) => format!("unreadable: {error}"),
        OpenAIError::StreamError(_) => "the connection broke".to_owned(),
        _ => "the request failed".to_owned(),
    }
}

struct Reading<S> {
    events: S,
    by: Instant,
    idle: Duration,
    begun: bool,
    finished: bool,
}

async fn next<S>(reading: Option<Reading<S>>) -> Option<(Result<Chunk, ModelError>, Option<Reading<S>>)>
where
    S: Stream<Item = Result<Event, OpenAIError>> + Unpin,
{
    let mut reading = reading?;
    loop {
        let waited =
            if reading.begun { reading.idle } else { reading.by.saturating_duration_since(Instant::now()) };
        let Ok(event) = timeout_at(reading.by, reading.events.next()).await else {
            // After the answer's end only the usage is missed.
            return (!reading.finished).then_some((Err(ModelError::TimedOut(waited)), None));
        };
        let event = match event {
            Some(Ok(event)) => event,
            Some(Err(_)) | None if reading.finished => return None,
            Some(Err(error)) => return Some((Err(ModelError::BrokenOff(describe(&error))), None)),
            None => return Some((Err(ModelError::BrokenOff("no end was announced".to_owned())), None)),
        };
        if let Some(usage) = event.usage {
            let chunk = Chunk::Usage { tokens_in: usage.prompt_tokens, tokens_out: usage.completion_tokens };
            return Some((Ok(chunk), Some(reading)));
        }
        let Some(choice) = event.choices.into_iter().next() else { continue };
        reading.finished |= choice.finish_reason.is_some();
        if let Some(text) = choice.delta.content.filter(|text| !text.is_empty()) {
            reading.begun = true;
            reading.by = Instant::now() + reading.idle;
            return Some((Ok(Chunk::Text(text)), Some(reading)));
        }
        if reading.begun {
            reading.by = Instant::now() + reading.idle;
        }
    }
}
