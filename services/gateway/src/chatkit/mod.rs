//! `POST /api/v1/chatkit`: one URL, the request's `type` decides between JSON and a stream.

mod error;
mod render;
mod request;
mod stream;
mod threads;
mod turn;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use kernel::{Error, ErrorCode};

use crate::body;
use crate::caller::{Call, identify, unauthenticated};
use crate::state::App;
use error::ChatError;
use request::Request;

/// Answers a ChatKit request. Everything that can be refused is refused here with a 4xx, before a
/// stream begins: the client posts the same body again after a 5xx.
pub async fn handle(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ChatError> {
    let call = Call { headers: &headers, method: &Method::POST, path: "/api/v1/chatkit" };
    let caller = identify(&app, call).await?.ok_or_else(unauthenticated)?;
    if headers.contains_key("cookie") && !app.origins.allows_headers(&headers) {
        return Err(
            Error::denied("ORIGIN_NOT_TRUSTED", "This request must come from a page of this site.").into()
        );
    }
    let body = body::read(body)?;
    if body::media_type(&headers) != "application/json" {
        return Err(Error::invalid("UNSUPPORTED_MEDIA_TYPE", "The body must be application/json.").into());
    }
    if !caller.email_verified {
        return Err(Error::denied("EMAIL_NOT_VERIFIED", "Please verify your e-mail address first.").into());
    }
    match Request::parse(&body)? {
        Request::StartTurn(turn) => turn::start(&app, caller, *turn).await,
        Request::ListThreads(page) => threads::list(&app, &caller.user_id, page).await,
        Request::GetThread { thread_id } => threads::get(&app, &caller.user_id, thread_id).await,
        Request::ListItems { thread_id, page } => {
            threads::items(&app, &caller.user_id, thread_id, page).await
        }
    }
}

pub async fn method_not_allowed() -> Response {
    let mut response = ChatError::from(Error::new(
        ErrorCode::InvalidArgument,
        "METHOD_NOT_ALLOWED",
        "This address answers POST only.",
    ))
    .into_response();
    *response.status_mut() = axum::http::StatusCode::METHOD_NOT_ALLOWED;
    response
}
