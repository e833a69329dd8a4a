use api::events::chat_thread::{ItemAdded, ThreadCreated, ThreadTitled};
use chrono::{DateTime, Utc};
use kernel::{ItemId, ThreadId, UserId};

use super::payload::Payload;

const MAX_TITLE_CHARS: usize = 200;

kernel::events! {
    /// What happens to a thread. No event holds what was said, nor the title.
    pub(crate) enum Event {
        Created(ThreadCreated) = "thread.created" @ 1,
        ItemAdded(ItemAdded) = "thread.item_added" @ 1,
        Titled(ThreadTitled) = "thread.titled" @ 1,
    }
}

/// One stream per thread: the order of its items is what its commands must agree about.
pub(crate) fn stream(thread: &ThreadId) -> String {
    format!("thread-{thread}")
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Thread {
    pub(crate) id: ThreadId,
    pub(crate) owner: UserId,
    /// Empty until the first turn named it.
    pub(crate) title: String,
    pub(crate) course_slug: String,
    pub(crate) created_at: DateTime<Utc>,
}

impl Thread {
    /// The only way to a thread: another user's is as good as none.
    pub(crate) fn of(self, user: &UserId) -> Option<Self> {
        (self.owner == *user).then_some(self)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    UserMessage,
    AssistantMessage,
}

impl Kind {
    /// As stored and as in the event.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::UserMessage => "user_message",
            Self::AssistantMessage => "assistant_message",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) id: ItemId,
    pub(crate) thread_id: ThreadId,
    /// Dense per thread, from 1.
    pub(crate) seq: u64,
    pub(crate) kind: Kind,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) payload: Payload,
}

impl Item {
    /// A thread is created with its first item.
    pub(crate) fn began_its_thread(&self) -> bool {
        self.seq == 1
    }
}

/// What somebody wants to be added to a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) by: UserId,
    pub(crate) thread_id: ThreadId,
    pub(crate) item_id: ItemId,
    pub(crate) kind: Kind,
    pub(crate) payload: Payload,
}

/// What the log and the tables know about a message's thread and item.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Known {
    /// Whether the thread's stream has events; they stay when the conversation is deleted.
    pub(crate) recorded: bool,
    pub(crate) thread: Option<Thread>,
    /// Of the thread's latest item; 0 when it has none.
    pub(crate) last_seq: u64,
    /// The item with the message's id, in whatever thread.
    pub(crate) item: Option<Item>,
}

/// The thread and the item as they are afterwards.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Added {
    /// None: a repeat, everything was stored before.
    pub(crate) events: Vec<Event>,
    pub(crate) thread: Thread,
    pub(crate) item: Item,
}

/// Why a message is not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddError {
    #[error("there is no such thread")]
    NoThread,
    #[error("another item has this id")]
    ItemExists,
    #[error("another thread has, or had, this id")]
    ThreadExists,
}

/// A message that begins a thread.
pub(crate) fn decide_begin(
    known: Known,
    message: Message,
    course_slug: String,
    now: DateTime<Utc>,
) -> Result<Added, AddError> {
    if let Some(thread) = known.thread {
        let thread = thread.of(&message.by).ok_or(AddError::ThreadExists)?;
        let stored = known.item.ok_or(AddError::ThreadExists)?;
        return repeat(thread, stored, &message);
    }
    if known.item.is_some() {
        return Err(AddError::ItemExists);
    }
    if known.recorded {
        // A late repeat must not bring a deleted conversation back.
        return Err(AddError::ThreadExists);
    }
    let thread = Thread {
        id: message.thread_id.clone(),
        owner: message.by.clone(),
        title: String::new(),
        course_slug,
        created_at: now,
    };
    let created = Event::Created(ThreadCreated {
        thread_id: thread.id.to_string(),
        owner_id: thread.owner.to_string(),
        course_slug: thread.course_slug.clone(),
    });
    let (said, item) = add(message, 1, now);
    Ok(Added { events: vec![created, said], thread, item })
}

/// A message in a thread that exists.
pub(crate) fn decide_add(known: Known, message: Message, now: DateTime<Utc>) -> Result<Added, AddError> {
    let thread = known.thread.and_then(|thread| thread.of(&message.by)).ok_or(AddError::NoThread)?;
    if let Some(stored) = known.item {
        return repeat(thread, stored, &message);
    }
    let (said, item) = add(message, known.last_seq + 1, now);
    Ok(Added { events: vec![said], thread, item })
}

/// The same message again is harmless; another one under its id is not.
fn repeat(thread: Thread, stored: Item, message: &Message) -> Result<Added, AddError> {
    let same =
        stored.thread_id == thread.id && stored.kind == message.kind && stored.payload == message.payload;
    if same { Ok(Added { events: Vec::new(), thread, item: stored }) } else { Err(AddError::ItemExists) }
}

fn add(message: Message, seq: u64, now: DateTime<Utc>) -> (Event, Item) {
    let Message { by, thread_id, item_id, kind, payload } = message;
    let event = Event::ItemAdded(ItemAdded {
        thread_id: thread_id.to_string(),
        owner_id: by.into_string(),
        item_id: item_id.to_string(),
        seq,
        kind: kind.as_str().to_owned(),
        payload_bytes: u32::try_from(payload.as_bytes().len()).unwrap_or(u32::MAX),
        payload_sha256: payload.sha256(),
    });
    (event, Item { id: item_id, thread_id, seq, kind, created_at: now, payload })
}

/// Why a thread is not named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TitleError {
    #[error("there is no such thread")]
    NoThread,
    #[error("a title has 1 to 200 characters, and not only blanks")]
    Invalid,
}

/// The thread under its name. No event: it has that name already.
pub(crate) fn decide_title(
    thread: Option<Thread>,
    user: &UserId,
    title: String,
) -> Result<(Option<Event>, Thread), TitleError> {
    let mut thread = thread.and_then(|thread| thread.of(user)).ok_or(TitleError::NoThread)?;
    // Postgres cannot hold NUL in a text.
    if title.trim().is_empty() || title.chars().count() > MAX_TITLE_CHARS || title.contains('\0') {
        return Err(TitleError::Invalid);
    }
    if thread.title == title {
        return Ok((None, thread));
    }
    thread.title = title;
    let titled = ThreadTitled { thread_id: thread.id.to_string(), owner_id: thread.owner.to_string() };
    Ok((Some(Event::Titled(titled)), thread))
}

#[cfg(test)]
#[path = "thread_tests.rs"]
mod tests;
