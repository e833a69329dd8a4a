//! A scripted OpenAI-compatible endpoint that remembers what it was asked.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router, http::StatusCode};
use futures::StreamExt;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::ModelOptions;

#[derive(Debug, Clone)]
pub enum Script {
    /// Chunks, a proper end, and usage when there is some.
    Say(Vec<&'static str>, Option<(u32, u32)>),
    /// Chunks, then the connection ends without a finish reason.
    Cut(Vec<&'static str>),
    /// Chunks, then silence.
    Hang(Vec<&'static str>),
    Refuse(u16),
}

pub struct Endpoint {
    url: String,
    asked: Arc<Mutex<Vec<Value>>>,
}

type Shared = (Script, Arc<Mutex<Vec<Value>>>);

impl Endpoint {
    pub async fn new(script: Script) -> Self {
        let asked = Arc::<Mutex<Vec<Value>>>::default();
        let app = Router::new()
            .route("/v1/chat/completions", post(answer))
            .with_state((script, Arc::clone(&asked)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/", listener.local_addr().unwrap());
        runtime::spawn("scripted model", async move { axum::serve(listener, app).await.unwrap() });
        Self { url, asked }
    }

    pub fn options(&self) -> ModelOptions {
        ModelOptions {
            base_url: self.url.clone(),
            api_key: SecretString::from("key"),
            model: "scripted".into(),
        }
    }

    pub fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(State((script, asked)): State<Shared>, Json(request): Json<Value>) -> Response {
    asked.lock().unwrap().push(request);
    let (texts, end, usage) = match script {
        Script::Refuse(status) => {
            let status = StatusCode::from_u16(status).unwrap();
            return (status, Json(json!({ "error": { "message": "no", "type": "overloaded" } })))
                .into_response();
        }
        Script::Say(texts, usage) => (texts, End::Proper, usage),
        Script::Cut(texts) => (texts, End::Cut, None),
        Script::Hang(texts) => (texts, End::Silence, None),
    };
    let chunk =
        |text| json!({ "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": null }] });
    let mut frames: Vec<String> = texts.into_iter().map(|text| frame(&chunk(text))).collect();
    if end == End::Proper {
        frames.push(frame(&json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] })));
        if let Some((tokens_in, tokens_out)) = usage {
            let usage =
                json!({ "prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": 0 });
            frames.push(frame(&json!({ "choices": [], "usage": usage, "service_tier": "one-nobody-knows" })));
        }
        frames.push("data: [DONE]\n\n".to_owned());
    }
    let frames = futures::stream::iter(frames.into_iter().map(Ok::<_, std::io::Error>));
    let body = match end {
        End::Silence => Body::from_stream(frames.chain(futures::stream::pending())),
        End::Proper | End::Cut => Body::from_stream(frames),
    };
    ([("content-type", "text/event-stream")], body).into_response()
}

#[derive(PartialEq)]
enum End {
    Proper,
    Cut,
    Silence,
}

fn frame(value: &Value) -> String {
    format!("data: {value}\n\n")
}
