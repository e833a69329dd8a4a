//! One use case each: read, decide, append, inline tables, commit.

mod complete_lesson;
mod enrol;
pub(crate) mod publish_course;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use eventstore::{Meta, Store};
use kernel::{Clock, Error, UserId};

use crate::domain::course::Outline;
use crate::error;
use crate::postgres::courses;

pub(crate) use complete_lesson::{Completion, complete_lesson};
pub(crate) use enrol::enrol;

/// What every command and query works with.
#[derive(Debug, Clone)]
pub(crate) struct Cx {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Cx {
    /// The published course of that name.
    pub(crate) async fn course(&self, slug: &str) -> Result<Outline, Error> {
        courses::find_by_slug(self.store.pool(), slug).await?.ok_or_else(error::course_not_found)
    }
}

fn meta(at: DateTime<Utc>, user: &UserId) -> Meta {
    let user = Some(user.to_string());
    Meta { at, actor: user.clone(), traceparent: runtime::current_traceparent(), subject: user }
}
