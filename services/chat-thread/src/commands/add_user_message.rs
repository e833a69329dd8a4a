use kernel::{Error, ItemId, ThreadId, UserId};

use super::Cx;
use crate::domain::payload::Payload;
use crate::domain::thread::{Item, Kind, Message, Thread, decide_add, decide_begin};

/// Where a message goes.
#[derive(Debug)]
pub(crate) enum Place {
    Thread(ThreadId),
    NewThread { id: ThreadId, course_slug: String },
}

#[derive(Debug)]
pub(crate) struct AddUserMessage {
    pub(crate) user: UserId,
    pub(crate) place: Place,
    pub(crate) item: ItemId,
    pub(crate) payload: Payload,
}

/// What a user said, and the thread it began, if it did: both in one transaction.
pub(crate) async fn add_user_message(cx: &Cx, command: AddUserMessage) -> Result<(Thread, Item), Error> {
    let AddUserMessage { user, place, item, payload } = command;
    let message =
        |thread_id| Message { by: user, thread_id, item_id: item, kind: Kind::UserMessage, payload };
    match place {
        Place::Thread(id) => cx.add(message(id), decide_add).await,
        Place::NewThread { id, course_slug } => {
            cx.add(message(id), |known, message, now| decide_begin(known, message, course_slug, now)).await
        }
    }
}
