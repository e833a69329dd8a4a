//! From a passage to what the student can click on.

use api::tutor_agent::Citation;
use serde_json::{Value, json};

use crate::retrieval::Passage;

const DESCRIPTION: usize = 140;

/// A citation of `passage` at a character offset (Unicode scalar values) of the answer's text.
pub fn cite(course_slug: &str, passage: &Passage, index: u32) -> Citation {
    let anchor = if passage.anchor.is_empty() { String::new() } else { format!("#{}", passage.anchor) };
    Citation {
        title: passage.title(),
        url: format!("/courses/{course_slug}/lessons/{}{anchor}", passage.lesson_slug),
        description: first_words(&passage.text),
        index,
    }
}

/// The item's payload, as the ChatKit contract has assistant messages.
pub fn payload(text: &str, citations: &[Citation]) -> Vec<u8> {
    let annotations: Vec<Value> = citations
        .iter()
        .map(|citation| {
            json!({
                "type": "annotation",
                "index": citation.index,
                "source": {
                    "type": "url", "title": citation.title,
                    "description": citation.description, "url": citation.url,
                },
            })
        })
        .collect();
    let part = json!({ "type": "output_text", "text": text, "annotations": annotations });
    json!({ "content": [part] }).to_string().into_bytes()
}

fn first_words(text: &str) -> String {
    let plain: String = text.chars().filter(|letter| !matches!(letter, '`' | '*' | '#' | '_')).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let line = words.join(" ");
    if line.chars().count() <= DESCRIPTION {
        return line;
    }
    let cut: String = line.chars().take(DESCRIPTION).collect();
    let end = cut.rfind(' ').unwrap_or(cut.len());
    format!("{}…", &cut[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_citation_names_lesson_and_heading_and_links_to_the_anchor() {
        let passage = Passage {
            lesson_slug: "ownership".into(),
            lesson_title: "Ownership".into(),
            anchor: "moves".into(),
            breadcrumb: ["Rust", "Stage 1", "Ownership", "Moves"].map(str::to_owned).to_vec(),
            text: "A value has **one** owner. ".repeat(20),
            ..Passage::default()
        };
        let citation = cite("rust", &passage, 7);
        assert_eq!(citation.title, "Ownership › Moves");
        assert_eq!(citation.url, "/courses/rust/lessons/ownership#moves");
        assert!(citation.description.starts_with("A value has one owner. A value"));
        assert!(citation.description.chars().count() <= DESCRIPTION + 1);
        let stored: Value = serde_json::from_slice(&payload("Look.", &[citation])).unwrap();
        assert_eq!(stored["content"][0]["annotations"][0]["index"], 7);
    }
}
