use axum::Json;
use axum::response::{IntoResponse, Response};
use kernel::Error;
use serde_json::{Map, Value, json};

use crate::error::{add_metadata, from_peer, http_status, with_retry_after};

/// A refusal before the stream: `{"message", "code", …}`; the client shows `message`.
#[derive(Debug)]
pub struct ChatError(Error);

impl From<Error> for ChatError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<tonic::Status> for ChatError {
    fn from(status: tonic::Status) -> Self {
        Self(from_peer(&status))
    }
}

impl IntoResponse for ChatError {
    fn into_response(self) -> Response {
        let status = http_status(&self.0);
        let mut body = Map::new();
        body.insert("message".into(), json!(self.0.message));
        body.insert("code".into(), json!(self.0.reason));
        add_metadata(&mut body, &self.0);
        with_retry_after((status, Json(Value::Object(body))).into_response(), &self.0)
    }
}
