use futures::StreamExt;
use serde_json::Value;

/// The answer to a question: refused, or a stream of events.
#[derive(Debug, Clone, Default)]
pub struct Turn {
    pub status: u16,
    pub content_type: String,
    pub retry_after: String,
    /// The body of a refusal.
    pub refusal: Option<Value>,
    pub events: Vec<Value>,
    /// The stream came to its end, and was not cut.
    pub whole: bool,
}

impl Turn {
    /// Reads an answer to its end, or until the connection breaks.
    pub async fn read(response: reqwest::Response) -> Self {
        Self::read_until(response, |_| false).await
    }

    /// Reads until an event satisfies `enough`, then hangs up.
    pub async fn read_until(response: reqwest::Response, enough: impl Fn(&Value) -> bool) -> Self {
        let header = |name: &str| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        let mut turn = Self {
            status: response.status().as_u16(),
            content_type: header("content-type"),
            retry_after: header("retry-after"),
            ..Self::default()
        };
        if !turn.content_type.starts_with("text/event-stream") {
            turn.refusal = response.json().await.ok();
            return turn;
        }
        let mut pieces = response.bytes_stream();
        let mut rest: Vec<u8> = Vec::new();
        loop {
            match pieces.next().await {
                None => {
                    turn.whole = rest.is_empty();
                    return turn;
                }
                Some(Err(_)) => return turn,
                Some(Ok(piece)) => rest.extend_from_slice(&piece),
            }
            while let Some(end) = rest.windows(2).position(|two| two == b"\n\n") {
                let frame: Vec<u8> = rest.drain(..end + 2).collect();
                let Some(data) = frame.strip_prefix(b"data: ") else { continue };
                let event: Value = serde_json::from_slice(data).expect("a JSON event");
                let done = enough(&event);
                turn.events.push(event);
                if done {
                    return turn;
                }
            }
        }
    }

    pub fn types(&self) -> Vec<&str> {
        self.events.iter().filter_map(|event| event["type"].as_str()).collect()
    }

    /// The stored item of this kind, from `thread.item.done`.
    pub fn item(&self, kind: &str) -> Option<&Value> {
        let done = self.events.iter().filter(|event| event["type"] == "thread.item.done");
        done.map(|event| &event["item"]).find(|item| item["type"] == kind)
    }

    /// The question reached the thread.
    pub fn accepted(&self) -> bool {
        self.item("user_message").is_some()
    }

    pub fn thread_id(&self) -> String {
        let item = self.item("user_message").unwrap_or_else(|| panic!("an accepted question: {self:?}"));
        item["thread_id"].as_str().expect("a thread's id").to_owned()
    }

    /// The answer as it was streamed, piece by piece.
    pub fn streamed_text(&self) -> String {
        self.updates("assistant_message.content_part.text_delta")
            .filter_map(|update| update["delta"].as_str())
            .collect()
    }

    /// The answer as it was stored.
    pub fn answer_text(&self) -> String {
        let item = self.item("assistant_message").unwrap_or_else(|| panic!("an answer: {self:?}"));
        item.pointer("/content/0/text").and_then(Value::as_str).expect("the answer's text").to_owned()
    }

    pub fn citations(&self) -> Vec<&Value> {
        self.updates("assistant_message.content_part.annotation_added")
            .map(|update| &update["annotation"])
            .collect()
    }

    /// The event that says what went wrong.
    pub fn error(&self) -> Option<&Value> {
        self.events.iter().find(|event| event["type"] == "error")
    }

    /// Data of the latest client effect of a name.
    pub fn effect(&self, name: &str) -> Option<&Value> {
        let effects = self.events.iter().filter(|event| event["type"] == "client_effect");
        effects.filter(|event| event["name"] == name).map(|event| &event["data"]).next_back()
    }

    fn updates<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.events.iter().map(|event| &event["update"]).filter(move |update| update["type"] == kind)
    }
}
