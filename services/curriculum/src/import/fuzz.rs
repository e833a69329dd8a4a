//! Whatever an author writes, a page is read without a panic and shows no answer.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;

use super::passages::{Place, split};
use super::rewrite::{Site, rewrite};
use super::{directives, files::Root, math, page};

const EXERCISE: &str =
    "\n\n```exercise\nid = \"e\"\ntitle = \"T\"\nprompt = \"P\"\nanswer_key = \"SECRET\"\n```\n\n";

fn fragment() -> impl Strategy<Value = String> {
    let words = [
        "# ",
        "## Ü ",
        "\n",
        "\n\n",
        "> ",
        "- ",
        "    ",
        "```rust\n",
        "```\n",
        "# hidden\n",
        "`",
        "$",
        "$$",
        "\\\\(",
        "\\\\)",
        "\\\\[",
        "{{#include x.md}}",
        "{{#",
        "}}",
        "\\{{",
        "[a](b.md)",
        "[",
        "](",
        "![",
        "<!--",
        "-->",
        "<div",
        ">",
        "<a href=\"",
        "\"",
        "</a>",
        "<img src=x onerror=y>",
        "|a|b|\n|-|-|\n",
        "[^1]",
        "[^1]: ",
        "{#id .c}",
        "é",
        "𝄞",
        "\t",
        "&amp;",
        "\\",
        "[r]: https://x.example\n",
        "***",
        "~~",
        "- [x] ",
        "ANCHOR: a",
        "lorem ipsum dolor sit amet ",
    ];
    prop_oneof![8 => prop::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => ".{0,6}"]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]
    #[test]
    fn any_page_is_read(parts in prop::collection::vec(fragment(), 0..40), exercise in any::<bool>()) {
        let dir = tempfile::tempdir().unwrap();
        let root = Root::open(dir.path()).unwrap();
        let mut text = parts.concat();
        if exercise {
            text.push_str(EXERCISE);
        }
        let text = math::dollars(&text);
        let source = directives::expand(&root, Path::new("p.md"), &text, &mut Vec::new()).unwrap();
        // An exercise that an open fence or comment swallowed is an error.
        let Ok(page) = page::read(&source, true) else { return Ok(()) };
        let place = Place { course: "C", stage: "S", lesson: "L", slug: "l" };
        let passages = split(&source.text, &page, &place);
        let lessons = BTreeMap::new();
        let site = Site { course: "c", src: Path::new(""), lessons: &lessons };
        let html = rewrite(&page.html, Path::new("p.md"), &site, &|_| false).html;
        prop_assert!(!html.contains("onerror=\""), "{}", html);
        if exercise {
            prop_assert_eq!(page.exercises.len(), 1);
            prop_assert!(!html.contains("SECRET"), "{}", html);
            prop_assert!(passages.iter().all(|passage| !passage.text.contains("SECRET")), "{:?}", passages);
        }
        let mut ids: Vec<&str> = passages.iter().map(|passage| passage.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(ids.len(), passages.len());
    }
}
