use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures::StreamExt;
use futures::stream;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the model says when nothing else is asked of it.
const SOCRATIC: &str = "Good question. What does the lesson say the next step depends on [1]? \
     Try it on a list of three items first, and tell me what you notice.";

/// How the model behaves from now on.
#[derive(Debug, Clone, Default)]
pub enum Script {
    /// A Socratic answer that cites the first passage.
    #[default]
    Socratic,
    /// These words.
    Say(String),
    /// An HTTP error.
    Status(u16),
    /// Takes the request and never answers.
    Hang,
    /// Some words, then a pause until [`Model::release`], then the connection breaks.
    Cut,
    /// Some words, then a pause until [`Model::release`], then the rest.
    Hold,
}

/// An OpenAI-compatible endpoint that streams what its script says.
#[derive(Debug)]
pub struct Model {
    url: String,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    script: Mutex<Script>,
    requests: Mutex<Vec<Value>>,
    released: watch::Sender<bool>,
}

impl Model {
    pub async fn start() -> Self {
        let shared = Arc::new(Shared {
            script: Mutex::new(Script::default()),
            requests: Mutex::new(Vec::new()),
            released: watch::Sender::new(false),
        });
        let router =
            Router::new().route("/v1/chat/completions", post(complete)).with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let mut server = JoinSet::new();
        server.spawn(async move {
            axum::serve(listener, router).await.expect("serve the model endpoint");
        });
        Self { url: format!("http://{address}/v1"), shared, _server: server }
    }

    /// For `OPENAI_BASE_URL`.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn will(&self, script: Script) {
        self.shared.released.send_replace(false);
        *self.shared.script.lock().unwrap_or_else(PoisonError::into_inner) = script;
    }

    /// Lets answers held by [`Script::Hold`] go on.
    pub fn release(&self) {
        self.shared.released.send_replace(true);
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Value> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn complete(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let request: Value = serde_json::from_slice(&body).expect("a JSON request");
    assert_eq!(request["stream"], true, "the tutor streams");
    shared.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    let script = shared.script.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match script {
        Script::Socratic => streamed(words(SOCRATIC).chain(ending())),
        Script::Say(text) => streamed(words(&text).chain(ending())),
        Script::Status(status) => {
            let status = StatusCode::from_u16(status).expect("a status code");
            let error =
                json!({ "error": { "message": "scripted", "type": "server_error", "code": "scripted" } });
            (status, axum::Json(error)).into_response()
        }
        Script::Hang => std::future::pending().await,
        Script::Cut => {
            let mut released = shared.released.subscribe();
            // An error right behind the words would overtake them in the HTTP server.
            let cut = stream::once(async move {
                released.wait_for(|released| *released).await.expect("the model endpoint goes on");
                Err(std::io::Error::other("scripted cut"))
            });
            streamed(words(SOCRATIC).take(8).chain(cut))
        }
        Script::Hold => {
            let mut released = shared.released.subscribe();
            let pause = stream::once(async move {
                released.wait_for(|released| *released).await.expect("the model endpoint goes on");
                Ok(Bytes::from_static(b": released\n\n"))
            });
            streamed(words(SOCRATIC).take(8).chain(pause).chain(words(SOCRATIC).skip(8)).chain(ending()))
        }
    }
}

type Piece = std::io::Result<Bytes>;

fn streamed(pieces: impl futures::Stream<Item = Piece> + Send + 'static) -> Response {
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(pieces)).into_response()
}

fn words(text: &str) -> impl futures::Stream<Item = Piece> + Send + use<> {
    let pieces: Vec<Piece> =
        text.split_inclusive(' ').map(|word| Ok(chunk(&json!({ "content": word }), None))).collect();
    stream::iter(pieces)
}

fn ending() -> impl futures::Stream<Item = Piece> + Send {
    let usage = json!({
        "id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "scripted",
        "choices": [], "usage": { "prompt_tokens": 321, "completion_tokens": 45, "total_tokens": 366 },
    });
    stream::iter([
        Ok(chunk(&json!({}), Some("stop"))),
        Ok(Bytes::from(format!("data: {usage}\n\n"))),
        Ok(Bytes::from_static(b"data: [DONE]\n\n")),
    ])
}

fn chunk(delta: &Value, finish: Option<&str>) -> Bytes {
    let chunk = json!({
        "id": "chatcmpl-scripted", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "scripted",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }],
    });
    Bytes::from(format!("data: {chunk}\n\n"))
}
