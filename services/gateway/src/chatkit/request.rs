use kernel::Error;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

const MAX_TEXT: usize = 8_000;
const MAX_QUOTE: usize = 4_000;
const MAX_CONTEXT: usize = 500;
const MAX_HEADINGS: usize = 8;

/// A request of the protocol, checked.
#[derive(Debug)]
pub enum Request {
    StartTurn(Box<Turn>),
    ListThreads(PageQuery),
    GetThread { thread_id: String },
    ListItems { thread_id: String, page: PageQuery },
}

/// `threads.create` and `threads.add_user_message`.
#[derive(Debug)]
pub struct Turn {
    /// Absent: a new thread.
    pub thread_id: Option<String>,
    pub text: String,
    pub quoted_text: Option<String>,
    /// The user item's own members, as they are stored and shown again.
    pub payload: Value,
    pub page: Page,
}

/// Where the student is, from the request's metadata. A claim: the tutor checks it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Page {
    pub course: String,
    pub lesson: String,
    pub page_url: String,
    pub page_title: String,
    pub heading_path: Vec<String>,
    pub heading_anchor: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PageQuery {
    pub limit: Option<i64>,
    pub after: Option<String>,
    pub order: Order,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    Asc,
    #[default]
    Desc,
}

#[derive(Debug, Deserialize)]
struct Envelope {
    r#type: String,
    params: Value,
    #[serde(default)]
    metadata: Option<Map<String, Value>>,
}

#[derive(Debug, Deserialize)]
struct CreateParams {
    input: Input,
}

#[derive(Debug, Deserialize)]
struct AddParams {
    thread_id: String,
    input: Input,
}

#[derive(Debug, Deserialize)]
struct ThreadParams {
    thread_id: String,
}

#[derive(Debug, Deserialize)]
struct ItemsParams {
    thread_id: String,
    #[serde(flatten)]
    page: PageQuery,
}

#[derive(Debug, Deserialize)]
struct Input {
    content: Vec<Content>,
    attachments: Vec<String>,
    #[serde(default)]
    quoted_text: Option<String>,
    inference_options: InferenceOptions,
}

#[derive(Debug, Deserialize, serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Content {
    InputText {
        text: String,
    },
    InputTag {
        id: String,
        text: String,
        data: Map<String, Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<String>,
        #[serde(default)]
        interactive: bool,
    },
}

#[derive(Debug, Deserialize, serde::Serialize)]
struct InferenceOptions {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tool_choice: Option<ToolChoice>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
}

#[derive(Debug, Deserialize, serde::Serialize)]
struct ToolChoice {
    id: String,
}

impl Request {
    /// # Errors
    /// `InvalidArgument`: `INVALID_JSON`, `UNKNOWN_REQUEST_TYPE`, or `INVALID_REQUEST` naming the
    /// member.
    pub fn parse(body: &[u8]) -> Result<Self, Error> {
        let value: Value = serde_json::from_slice(body).map_err(|error| {
            Error::invalid("INVALID_JSON", format!("The body is not valid JSON: {error}"))
        })?;
        // `metadata: null` is refused by the protocol; `Option` alone would take it.
        if value.get("metadata").is_some_and(Value::is_null) {
            return Err(Error::invalid("INVALID_REQUEST", "metadata must be an object"));
        }
        let Envelope { r#type, params, metadata } = decode(value, "request")?;
        let page = || page_context(metadata.unwrap_or_default());
        match r#type.as_str() {
            "threads.create" => {
                let CreateParams { input } = decode(params, "params")?;
                Ok(Self::StartTurn(Box::new(turn(None, input, page()?)?)))
            }
            "threads.add_user_message" => {
                let AddParams { thread_id, input } = decode(params, "params")?;
                Ok(Self::StartTurn(Box::new(turn(Some(thread_id), input, page()?)?)))
            }
            "threads.list" => Ok(Self::ListThreads(decode(params, "params")?)),
            "threads.get_by_id" => {
                let ThreadParams { thread_id } = decode(params, "params")?;
                Ok(Self::GetThread { thread_id })
            }
            "items.list" => {
                let ItemsParams { thread_id, page } = decode(params, "params")?;
                Ok(Self::ListItems { thread_id, page })
            }
            other => Err(Error::invalid(
                "UNKNOWN_REQUEST_TYPE",
                format!("Requests of type {other:.60?} are not offered."),
            )),
        }
    }
}

fn decode<T: DeserializeOwned>(value: Value, what: &str) -> Result<T, Error> {
    serde_json::from_value(value)
        .map_err(|error| Error::invalid("INVALID_REQUEST", format!("{what}: {error}")))
}

fn page_context(metadata: Map<String, Value>) -> Result<Page, Error> {
    let mut page: Page = decode(Value::Object(metadata), "metadata")?;
    let members = [
        &mut page.course,
        &mut page.lesson,
        &mut page.page_url,
        &mut page.page_title,
        &mut page.heading_anchor,
    ];
    for text in members.into_iter().chain(page.heading_path.iter_mut()) {
        if text.chars().count() > MAX_CONTEXT {
            *text = text.chars().take(MAX_CONTEXT).collect();
        }
    }
    page.heading_path.truncate(MAX_HEADINGS);
    Ok(page)
}

fn turn(thread_id: Option<String>, input: Input, page: Page) -> Result<Turn, Error> {
    if !input.attachments.is_empty() {
        return Err(Error::invalid("ATTACHMENTS_NOT_OFFERED", "Attachments are not offered."));
    }
    let text: String = input
        .content
        .iter()
        .map(|part| match part {
            Content::InputText { text } => text.clone(),
            Content::InputTag { text, .. } => format!("@{text}"),
        })
        .collect();
    let text = text.trim().to_owned();
    if text.is_empty() {
        return Err(Error::invalid("EMPTY_MESSAGE", "The message has no text."));
    }
    if text.chars().count() > MAX_TEXT {
        return Err(Error::invalid("MESSAGE_TOO_LONG", "The message is longer than 8000 characters."));
    }
    let quoted_text = input.quoted_text.filter(|quote| !quote.trim().is_empty());
    if quoted_text.as_ref().is_some_and(|quote| quote.chars().count() > MAX_QUOTE) {
        return Err(Error::invalid("QUOTE_TOO_LONG", "The selected text is longer than 4000 characters."));
    }
    let mut payload = json!({
        "content": input.content,
        "attachments": [],
        "inference_options": input.inference_options,
    });
    if let Some(quote) = &quoted_text {
        payload["quoted_text"] = json!(quote);
    }
    Ok(Turn { thread_id, text, quoted_text, payload, page })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(body: &str) -> String {
        Request::parse(body.as_bytes()).err().map(|error| error.reason.into_owned()).unwrap_or_default()
    }

    fn create(input: &str) -> String {
        format!(
            r#"{{"type":"threads.create","params":{{"input":{input}}},"metadata":{{"course":"algo","lesson":"sort"}}}}"#
        )
    }

    #[test]
    fn a_question_keeps_its_content_and_its_page() {
        let body = create(
            r#"{"content":[{"type":"input_text","text":" Why? "},{"type":"input_tag","id":"1","text":"heap","data":{}}],
                "attachments":[],"quoted_text":"a heap","inference_options":{},"unknown":1}"#,
        );
        let Ok(Request::StartTurn(turn)) = Request::parse(body.as_bytes()) else { unreachable!("a turn") };
        assert_eq!((turn.text.as_str(), turn.quoted_text.as_deref()), ("Why? @heap", Some("a heap")));
        assert_eq!((turn.page.course.as_str(), turn.page.lesson.as_str()), ("algo", "sort"));
        assert_eq!(turn.payload["content"][1]["interactive"], json!(false));
        assert_eq!(turn.payload["attachments"], json!([]));
    }

    #[test]
    fn bad_requests_are_told_what_is_wrong() {
        let good =
            r#"{"content":[{"type":"input_text","text":"x"}],"attachments":[],"inference_options":{}}"#;
        assert_eq!(reason(&create(good)), "");
        for (body, wanted) in [
            ("{", "INVALID_JSON"),
            ("[]", "INVALID_REQUEST"),
            (r#"{"type":"threads.list"}"#, "INVALID_REQUEST"),
            (r#"{"type":"threads.stop","params":{}}"#, "UNKNOWN_REQUEST_TYPE"),
            (r#"{"type":"threads.list","params":{"order":"DESC"}}"#, "INVALID_REQUEST"),
            (r#"{"type":"threads.list","params":{},"metadata":null}"#, "INVALID_REQUEST"),
            (r#"{"type":"items.list","params":{}}"#, "INVALID_REQUEST"),
            (&create(r#"{"content":[],"attachments":[],"inference_options":{}}"#), "EMPTY_MESSAGE"),
            (
                &create(r#"{"content":[{"type":"input_text","text":"x"}],"inference_options":{}}"#),
                "INVALID_REQUEST",
            ),
            (&create(&good.replace(r#""x""#, &format!("\"{}\"", "x".repeat(8_001)))), "MESSAGE_TOO_LONG"),
            (&create(&good.replace("[],", r#"["atc_1"],"#)), "ATTACHMENTS_NOT_OFFERED"),
        ] {
            assert_eq!(reason(body), wanted, "{body:.200}");
        }
        assert_eq!(reason(r#"{"type":"threads.list","params":{"limit":null,"after":null}}"#), "");
    }
}
