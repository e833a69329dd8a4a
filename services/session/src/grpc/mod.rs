//! Translate, call, translate.

mod clients;
mod provider;
mod sessions;

use api::common::Client;
use tonic::{Response, Status};

use crate::commands::Cx;
use crate::domain::session::Origin;

type Answer<T> = Result<Response<T>, Status>;

#[derive(Debug, Clone)]
pub(crate) struct Grpc(pub(crate) Cx);

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn status(error: kernel::Error) -> Status {
    api::to_status(&error)
}

/// Empty text is absence.
fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn origin(client: Option<Client>) -> Origin {
    client.map(|client| Origin::new(&client.ip, &client.user_agent)).unwrap_or_default()
}
