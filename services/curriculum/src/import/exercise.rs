//! Exercise blocks: fenced code with the info string `exercise` and a TOML body.

use serde::Deserialize;

use super::manifest::line_at;

pub(crate) const INFO: &str = "exercise";

/// The body of a block, as `courses/README.md` describes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Block {
    pub(crate) id: String,
    pub(crate) title: String,
    /// Markdown.
    pub(crate) prompt: String,
    /// What a good answer mentions; students see them.
    #[serde(default)]
    pub(crate) points: Vec<String>,
    pub(crate) answer_key: String,
    /// Other ways to write the answer.
    #[serde(default)]
    pub(crate) answer_forms: Vec<String>,
}

/// What is wrong with a block, and in which of its lines (from 1). Says nothing of its values: they
/// may be an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) line: usize,
    pub(crate) detail: String,
}

pub(crate) fn parse(body: &str) -> Result<Block, Malformed> {
    let block: Block = toml::from_str(body).map_err(|error| Malformed {
        line: error.span().map_or(1, |span| line_at(body, span.start)),
        detail: format!("the exercise cannot be read: {}", error.message()),
    })?;
    let problem = [
        (!is_id(&block.id), "its id must be 1 to 64 letters, digits, hyphens or underscores"),
        (block.title.trim().is_empty(), "it has no title"),
        (block.prompt.trim().is_empty(), "it has no prompt"),
        (block.answer_key.trim().is_empty(), "it has no answer key"),
    ]
    .into_iter()
    .find_map(|(wrong, detail)| wrong.then_some(detail));
    match problem {
        Some(detail) => Err(Malformed { line: 1, detail: format!("exercise {:?}: {detail}", block.id) }),
        None => Ok(block),
    }
}

fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Whether a code block is an exercise whose info string is wrong: shown as it is, it would give its
/// answer away.
pub(crate) fn is_mislabelled(body: &str) -> bool {
    let Ok(table) = toml::from_str::<toml::Table>(body) else { return false };
    table.contains_key("answer_key") && table.contains_key("prompt")
}

/// Whether a line looks like the first of an exercise block, wherever it stands.
pub(crate) fn is_fence(line: &str) -> bool {
    let line = line.trim_start_matches([' ', '\t', '>', '-', '*', '+']);
    ["```", "~~~"].iter().any(|fence| {
        let info = line.strip_prefix(fence).map(|rest| rest.trim_start_matches(['`', '~', ' ']));
        info.is_some_and(|info| {
            let word = info.split(|letter: char| !letter.is_ascii_alphanumeric()).next().unwrap_or_default();
            word.eq_ignore_ascii_case(INFO)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "id = \"sum-1\"\ntitle = \"Sum\"\nprompt = \"\"\"What is $1+1$?\"\"\"\npoints = [\"addition\"]\nanswer_key = \"two\"\nanswer_forms = [\"2\"]\n";

    #[test]
    fn a_block_is_read() {
        let block = parse(GOOD).unwrap();
        assert_eq!((block.id.as_str(), block.answer_key.as_str()), ("sum-1", "two"));
        assert_eq!(block.prompt, "What is $1+1$?");
    }

    #[test]
    fn a_malformed_block_is_told_by_its_line_and_not_by_its_answer() {
        for (body, line, says) in [
            ("id = \"a\"\ntitle = \"A\"\nprompt = \"p\"\nanswer_key = \"secret\n", 4, "cannot be read"),
            ("id = \"a\"\ntitle = \"A\"\nprompt = \"p\"\nanswer = \"secret\"\n", 4, "unknown field"),
            ("id = \"a\"\ntitle = \"A\"\nprompt = \"p\"\n", 1, "answer_key"),
            ("id = \"a b\"\ntitle = \"A\"\nprompt = \"p\"\nanswer_key = \"secret\"", 1, "its id"),
            ("id = \"a\"\ntitle = \"A\"\nprompt = \" \"\nanswer_key = \"secret\"", 1, "no prompt"),
        ] {
            let malformed = parse(body).unwrap_err();
            assert_eq!(malformed.line, line, "{malformed:?}");
            assert!(malformed.detail.contains(says), "{malformed:?}");
            assert!(!malformed.detail.contains("secret"), "{malformed:?}");
        }
    }

    #[test]
    fn an_exercise_under_another_name_is_noticed() {
        assert!(is_mislabelled(GOOD));
        assert!(!is_mislabelled("answer_key = {'a': 1}\nprint(answer_key)"));
        assert!(!is_mislabelled("answer_key = 1"));
    }
}
