use chrono::TimeDelta;
use kernel::EventCodec as _;
use sha2::{Digest, Sha256};

use super::*;

const NOON: DateTime<Utc> = DateTime::UNIX_EPOCH;
const LATER: TimeDelta = TimeDelta::minutes(1);

fn says(user: &str, item: &str, text: &str) -> Message {
    Message {
        by: UserId::from(user),
        thread_id: ThreadId::from("t"),
        item_id: ItemId::from(item),
        kind: Kind::UserMessage,
        payload: Payload::parse(format!("{{\"text\":\"{text}\"}}").into()).unwrap(),
    }
}

/// A thread `t` and its items, each added by its own decision.
#[derive(Default)]
struct Given {
    thread: Option<Thread>,
    items: Vec<Item>,
}

fn nothing() -> Given {
    Given::default()
}

impl Given {
    fn begun(self, message: Message) -> Self {
        let added = self.begin(&message).unwrap();
        Self { thread: Some(added.thread), items: vec![added.item] }
    }
    fn added(mut self, message: Message) -> Self {
        self.items.push(self.add(&message).unwrap().item);
        self
    }
    fn known(&self, message: &Message) -> Known {
        Known {
            recorded: self.thread.is_some(),
            thread: self.thread.clone(),
            last_seq: self.items.last().map_or(0, |item| item.seq),
            item: self.items.iter().find(|item| item.id == message.item_id).cloned(),
        }
    }
    fn begin(&self, message: &Message) -> Result<Added, AddError> {
        decide_begin(self.known(message), message.clone(), "rust".to_owned(), NOON)
    }
    fn add(&self, message: &Message) -> Result<Added, AddError> {
        decide_add(self.known(message), message.clone(), NOON + LATER)
    }
    fn title(&self, user: &str, title: &str) -> Result<(Option<Event>, Thread), TitleError> {
        decide_title(self.thread.clone(), &UserId::from(user), title.to_owned())
    }
}

#[test]
fn a_thread_begins_with_its_first_message() {
    let added = nothing().begin(&says("ada", "m1", "why?")).unwrap();
    let types: Vec<_> = added.events.iter().map(|event| event.encode().event_type).collect();
    assert_eq!(types, ["thread.created", "thread.item_added"]);
    assert_eq!((added.item.seq, added.item.created_at), (1, NOON));
    assert!(added.item.began_its_thread());
    let wanted = Thread {
        id: ThreadId::from("t"),
        owner: UserId::from("ada"),
        title: String::new(),
        course_slug: "rust".to_owned(),
        created_at: NOON,
    };
    assert_eq!(added.thread, wanted);
}

#[test]
fn the_event_tells_the_size_and_hash_of_what_was_said_and_not_a_word_of_it() {
    let added = nothing().begin(&says("ada", "m1", "a secret")).unwrap();
    let Some(Event::ItemAdded(event)) = added.events.last() else { panic!("no item was added") };
    let payload = br#"{"text":"a secret"}"#;
    assert_eq!((event.payload_bytes, event.kind.as_str(), event.seq), (19, "user_message", 1));
    assert_eq!(event.payload_sha256, Sha256::digest(payload).to_vec());
    assert_eq!((event.owner_id.as_str(), event.item_id.as_str()), ("ada", "m1"));
    for event in &added.events {
        let data = event.encode().data;
        assert!(!data.windows(6).any(|window| window == b"secret"));
    }
}

#[test]
fn each_message_takes_the_next_number() {
    let thread = nothing().begun(says("ada", "m1", "1")).added(says("ada", "m2", "2"));
    let third = thread.add(&says("ada", "m3", "3")).unwrap();
    assert_eq!((third.item.seq, third.item.created_at), (3, NOON + LATER));
    assert!(!third.item.began_its_thread());
    assert_eq!(third.events.len(), 1);
}

#[test]
fn the_same_message_again_is_answered_from_what_was_stored() {
    let thread = nothing().begun(says("ada", "m1", "1")).added(says("ada", "m2", "2"));
    let first = thread.begin(&says("ada", "m1", "1")).unwrap();
    assert_eq!((&first.item, first.events.len()), (&thread.items[0], 0));
    assert!(first.item.began_its_thread());
    let second = thread.add(&says("ada", "m2", "2")).unwrap();
    assert_eq!((&second.item, second.events.len()), (&thread.items[1], 0));
}

#[test]
fn another_message_under_a_used_id_is_refused() {
    let thread = nothing().begun(says("ada", "m1", "1"));
    let answer = Message { kind: Kind::AssistantMessage, ..says("ada", "m1", "1") };
    for message in [says("ada", "m1", "2"), answer] {
        assert_eq!(thread.add(&message), Err(AddError::ItemExists));
        assert_eq!(thread.begin(&message), Err(AddError::ItemExists));
    }
    let elsewhere = Item { thread_id: ThreadId::from("other"), ..thread.items[0].clone() };
    let message = says("ada", "m1", "1");
    let known = Known { item: Some(elsewhere.clone()), ..thread.known(&message) };
    assert_eq!(decide_add(known, message.clone(), NOON), Err(AddError::ItemExists));
    let unbegun = Known { item: Some(elsewhere), ..Known::default() };
    assert_eq!(decide_begin(unbegun, message, String::new(), NOON), Err(AddError::ItemExists));
}

#[test]
fn a_thread_begins_once() {
    let thread = nothing().begun(says("ada", "m1", "1"));
    assert_eq!(thread.begin(&says("ada", "m2", "2")), Err(AddError::ThreadExists));
    assert_eq!(thread.begin(&says("grace", "m1", "1")), Err(AddError::ThreadExists));
}

#[test]
fn a_deleted_conversation_does_not_come_back() {
    let deleted = Known { recorded: true, ..Known::default() };
    let message = says("ada", "m1", "1");
    assert_eq!(
        decide_begin(deleted.clone(), message.clone(), String::new(), NOON),
        Err(AddError::ThreadExists)
    );
    assert_eq!(decide_add(deleted, message, NOON), Err(AddError::NoThread));
}

#[test]
fn a_foreign_thread_is_as_good_as_none() {
    let thread = nothing().begun(says("ada", "m1", "1"));
    for message in [says("grace", "m2", "2"), says("grace", "m1", "1")] {
        assert_eq!(thread.add(&message), Err(AddError::NoThread));
        assert_eq!(nothing().add(&message), Err(AddError::NoThread));
    }
    assert_eq!(thread.title("grace", "mine"), Err(TitleError::NoThread));
    assert_eq!(thread.title("grace", ""), Err(TitleError::NoThread));
    assert_eq!(nothing().title("ada", "mine"), Err(TitleError::NoThread));
}

#[test]
fn a_title_is_recorded_when_it_changes() {
    let mut given = nothing().begun(says("ada", "m1", "1"));
    let (event, thread) = given.title("ada", "Why two?").unwrap();
    assert_eq!(event.unwrap().encode().event_type, "thread.titled");
    assert_eq!(thread.title, "Why two?");
    given.thread = Some(thread.clone());
    assert_eq!(given.title("ada", "Why two?"), Ok((None, thread)));
    assert!(given.title("ada", "Why three?").unwrap().0.is_some());
}

#[test]
fn a_title_has_1_to_200_characters() {
    let thread = nothing().begun(says("ada", "m1", "1"));
    for good in ["x", &"é".repeat(200)] {
        assert_eq!(thread.title("ada", good).unwrap().1.title, good);
    }
    for bad in ["", " \t", "a\0b", &"x".repeat(201)] {
        assert_eq!(thread.title("ada", bad), Err(TitleError::Invalid), "{bad:?}");
    }
}
