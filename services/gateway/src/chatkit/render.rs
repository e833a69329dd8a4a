//! Stored threads and items as the protocol shows them.

use api::chat_thread::{Item, ItemKind, Thread};
use serde_json::{Map, Value, json};

/// `items` is an empty page wherever the items are not asked for.
pub fn thread(thread: &Thread, items: Value) -> Value {
    let mut out = json!({
        "id": thread.id,
        "created_at": api::millis(thread.created_at.as_ref()),
        "status": { "type": "active" },
        "metadata": {},
        "items": items,
    });
    if !thread.title.is_empty() {
        out["title"] = json!(thread.title);
    }
    out
}

pub fn empty_page() -> Value {
    json!({ "data": [], "has_more": false })
}

/// A page; `after`, the cursor of the next one, is there only when there is a next one.
pub fn page(data: Vec<Value>, has_more: bool) -> Value {
    let last = data.last().and_then(|item| item.get("id")).cloned();
    let mut out = json!({ "data": data, "has_more": has_more });
    if let (true, Some(last)) = (has_more, last) {
        out["after"] = last;
    }
    out
}

pub fn item(item: &Item) -> Value {
    let kind = match item.kind() {
        ItemKind::UserMessage => "user_message",
        ItemKind::AssistantMessage | ItemKind::Unspecified => "assistant_message",
    };
    let mut out = Map::new();
    out.insert("id".into(), json!(item.id));
    out.insert("thread_id".into(), json!(item.thread_id));
    out.insert("created_at".into(), json!(api::millis(item.created_at.as_ref())));
    out.insert("type".into(), json!(kind));
    match serde_json::from_slice::<Map<String, Value>>(&item.payload_json) {
        Ok(payload) => {
            for (key, value) in payload {
                out.entry(key).or_insert(value);
            }
        }
        Err(error) => tracing::error!(item = item.id, %error, "a stored item holds no JSON object"),
    }
    Value::Object(out)
}
