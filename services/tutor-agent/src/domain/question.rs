//! A checked StartTurn request.

use api::common::Caller;
use api::tutor_agent::{PageContext, StartTurnRequest};
use kernel::{Error, ErrorCode};
use serde_json::{Map, Value, json};

const LONGEST_TEXT: usize = 8_000;
const LONGEST_QUOTE: usize = 4_000;
const LONGEST_PAYLOAD: usize = 128 * 1024;
/// What a page says of itself is cut, not refused: it only helps.
const LONGEST_PAGE_FIELD: usize = 200;
const DEEPEST_HEADING: usize = 6;

/// A question as it goes into a turn. `page` is still a claim.
#[derive(Debug, Clone)]
pub struct Question {
    pub caller: Caller,
    pub thread_id: Option<String>,
    pub text: String,
    pub quoted: Option<String>,
    pub page: PageContext,
    /// A JSON object.
    pub payload: Vec<u8>,
}

impl Question {
    /// # Errors
    /// `UNAUTHENTICATED` without a caller, `EMAIL_NOT_VERIFIED`, `INVALID_ARGUMENT`.
    pub fn check(request: StartTurnRequest) -> Result<Self, Error> {
        let caller = request.caller.filter(|caller| !caller.user_id.is_empty()).ok_or_else(|| {
            Error::new(ErrorCode::Unauthenticated, "UNAUTHENTICATED", "Sign in to ask the tutor.")
        })?;
        if !caller.email_verified {
            return Err(Error::denied("EMAIL_NOT_VERIFIED", "Confirm your e-mail address to ask the tutor."));
        }
        let invalid = |message: &'static str| Error::invalid("INVALID_ARGUMENT", message);
        let length = request.text.trim().chars().count();
        if length == 0 || request.text.chars().count() > LONGEST_TEXT {
            return Err(invalid("a question has 1 to 8000 characters").with("field", "text"));
        }
        let quoted = request.quoted_text.filter(|quote| !quote.trim().is_empty());
        if quoted.as_ref().is_some_and(|quote| quote.chars().count() > LONGEST_QUOTE) {
            return Err(invalid("a quote has at most 4000 characters").with("field", "quoted_text"));
        }
        let payload = if request.user_payload_json.is_empty() {
            payload_of(&request.text, quoted.as_deref())
        } else {
            request.user_payload_json
        };
        if payload.len() > LONGEST_PAYLOAD || serde_json::from_slice::<Map<String, Value>>(&payload).is_err()
        {
            return Err(invalid("the item's payload is a JSON object").with("field", "user_payload_json"));
        }
        let thread_id = request.thread_id.filter(|id| !id.is_empty());
        let page = cut_page(request.page.unwrap_or_default());
        Ok(Self { caller, thread_id, text: request.text, quoted, page, payload })
    }

    /// What to search for.
    pub fn search_text(&self) -> String {
        match &self.quoted {
            Some(quoted) => format!("{}\n{quoted}", self.text),
            None => self.text.clone(),
        }
    }
}

fn payload_of(text: &str, quoted: Option<&str>) -> Vec<u8> {
    let mut payload = json!({
        "content": [{ "type": "input_text", "text": text }],
        "attachments": [],
        "inference_options": {},
    });
    if let Some(quoted) = quoted {
        payload["quoted_text"] = json!(quoted);
    }
    payload.to_string().into_bytes()
}

fn cut_page(page: PageContext) -> PageContext {
    let cut =
        |text: String| text.chars().filter(|letter| !letter.is_control()).take(LONGEST_PAGE_FIELD).collect();
    PageContext {
        course_slug: page.course_slug,
        lesson_slug: page.lesson_slug,
        page_url: cut(page.page_url),
        page_title: cut(page.page_title),
        heading_path: page.heading_path.into_iter().take(DEEPEST_HEADING).map(cut).collect(),
        heading_anchor: cut(page.heading_anchor),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> StartTurnRequest {
        let caller = Caller { user_id: "u".into(), role: 1, email_verified: true };
        StartTurnRequest { caller: Some(caller), text: text.to_owned(), ..StartTurnRequest::default() }
    }

    fn reason(request: StartTurnRequest) -> String {
        Question::check(request).map_or_else(|error| error.reason.into_owned(), |_| "accepted".to_owned())
    }

    #[test]
    fn a_question_has_one_to_eight_thousand_characters() {
        assert_eq!(reason(request("  ")), "INVALID_ARGUMENT");
        assert_eq!(reason(request(&"ü".repeat(8_000))), "accepted");
        assert_eq!(reason(request(&"ü".repeat(8_001))), "INVALID_ARGUMENT");
    }

    #[test]
    fn a_quote_has_at_most_four_thousand_characters() {
        let quoting = |length| StartTurnRequest { quoted_text: Some("q".repeat(length)), ..request("why?") };
        assert_eq!(reason(quoting(4_000)), "accepted");
        assert_eq!(reason(quoting(4_001)), "INVALID_ARGUMENT");
    }

    #[test]
    fn nobody_and_an_unverified_address_may_not_ask() {
        assert_eq!(reason(StartTurnRequest { caller: None, ..request("why?") }), "UNAUTHENTICATED");
        let unverified = Caller { user_id: "u".into(), role: 1, email_verified: false };
        assert_eq!(
            reason(StartTurnRequest { caller: Some(unverified), ..request("why?") }),
            "EMAIL_NOT_VERIFIED"
        );
    }

    #[test]
    fn a_payload_must_be_an_object_and_is_made_when_there_is_none() {
        let with = |payload: &str| StartTurnRequest { user_payload_json: payload.into(), ..request("why?") };
        assert_eq!(reason(with("[1]")), "INVALID_ARGUMENT");
        assert_eq!(Question::check(with(r#"{"a":1}"#)).unwrap().payload, br#"{"a":1}"#);
        let made: Value = serde_json::from_slice(&Question::check(request("why?")).unwrap().payload).unwrap();
        assert_eq!(made["content"][0]["text"], "why?");
    }
}
