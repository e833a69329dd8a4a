//! One use case each: load, decide, append, inline tables, commit.

mod add_assistant_message;
mod add_user_message;
mod set_title;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use eventstore::{Meta, Opened, Store, StoreError};
use kernel::{Clock, Error, EventCodec, UserId};

use crate::domain::thread::{AddError, Added, Event, Item, Known, Message, Thread, stream};
use crate::error;
use crate::postgres::{items, threads};

pub(crate) use add_assistant_message::add_assistant_message;
pub(crate) use add_user_message::{AddUserMessage, Place, add_user_message};
pub(crate) use set_title::{SetTitle, set_title};

/// What every command and query works with.
#[derive(Debug, Clone)]
pub(crate) struct Cx {
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Cx {
    /// The transaction that both kinds of message share.
    async fn add(
        &self,
        message: Message,
        decide: impl FnOnce(Known, Message, DateTime<Utc>) -> Result<Added, AddError> + Send,
    ) -> Result<(Thread, Item), Error> {
        let mut opened = self.store.open(&stream(&message.thread_id)).await?;
        // After the wait for the stream: its order is then also the order in time.
        let now = self.clock.now();
        let known = known(&mut opened, &message).await?;
        let added = match decide(known, message, now) {
            Ok(added) if !added.events.is_empty() => added,
            undecided => {
                opened.rollback().await;
                return undecided.map(|added| (added.thread, added.item)).map_err(Into::into);
            }
        };
        let Added { events, thread, item } = added;
        let encoded: Vec<_> = events.iter().map(Event::encode).collect();
        let mut appended = opened.append(&encoded, &meta(now, &thread.owner)).await?;
        if events.iter().any(|event| matches!(event, Event::Created(_))) {
            threads::insert(appended.tx(), &thread).await?;
        }
        items::insert(appended.tx(), &item).await.map_err(id_taken)?;
        appended.commit().await?;
        Ok((thread, item))
    }
}

async fn known(opened: &mut Opened, message: &Message) -> Result<Known, StoreError> {
    Ok(Known {
        recorded: opened.version() > 0,
        thread: threads::find(opened.reader(), &message.thread_id).await?,
        last_seq: items::last_seq(opened.reader(), &message.thread_id).await?,
        item: items::find(opened.reader(), &message.item_id).await?,
    })
}

/// The lock is the thread's: an item's id may meanwhile be taken in another one.
fn id_taken(error: StoreError) -> Error {
    if error.unique_violation() == Some(items::PRIMARY_KEY) { error::item_exists() } else { error.into() }
}

fn meta(at: DateTime<Utc>, user: &UserId) -> Meta {
    let user = Some(user.to_string());
    Meta { at, actor: user.clone(), traceparent: runtime::current_traceparent(), subject: user }
}
