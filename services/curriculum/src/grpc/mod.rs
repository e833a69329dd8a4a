//! Translate, call, translate.

mod curriculum;
mod material;
mod outline;

use api::common::Caller;
use kernel::{Error, UserId};
use tonic::Status;

use crate::commands::Cx;
use crate::domain::access::Viewer;
use crate::error;

/// Both services of the curriculum.
#[derive(Debug, Clone)]
pub(crate) struct Grpc(pub(crate) Cx);

fn status(error: Error) -> Status {
    api::to_status(&error)
}

/// Who asks, if anyone.
fn viewer(caller: Option<Caller>) -> Option<Viewer> {
    let caller = caller.filter(|caller| !caller.user_id.is_empty())?;
    Some(Viewer {
        role: caller.role().to_kernel(),
        email_verified: caller.email_verified,
        user: UserId::from(caller.user_id),
    })
}

fn known(caller: Option<Caller>) -> Result<Viewer, Error> {
    viewer(caller).ok_or_else(error::unauthenticated)
}
