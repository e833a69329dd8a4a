use proptest::prelude::*;

use super::*;

fn run(forms: &[&str], chunks: &[&str]) -> (String, u32) {
    let mut guard = Guard::new(Arc::new(AnswerForms::of(forms)), 3);
    let mut out: Vec<Checked> = chunks.iter().flat_map(|chunk| guard.push(chunk)).collect();
    out.extend(guard.finish());
    (out.into_iter().map(|checked| checked.text).collect(), guard.rewrites())
}

#[test]
fn an_answer_is_replaced_by_a_hint_and_the_rest_stays() {
    let (text, rewrites) = run(&["42"], &["Add both sides. The ", "result is 4", "2. Can you", " check it?"]);
    assert_eq!(text, format!("Add both sides. {} Can you check it?", HINTS[0]));
    assert_eq!(rewrites, 1);
}

#[test]
fn an_answer_split_over_sentences_and_lines_does_not_leave() {
    let (text, rewrites) = run(&["moved to the heap"], &["It is moved. To the\nheap! Fine."]);
    assert!(!text.to_lowercase().contains("heap"), "{text}");
    assert!(text.ends_with("Fine."));
    assert_eq!(rewrites, 1);
}

#[test]
fn a_marker_cannot_hide_an_answer() {
    let (text, rewrites) = run(&["42"], &["It is 4[1]2 then."]);
    assert_eq!((text.contains("42"), rewrites), (false, 1));
}

#[test]
fn code_is_checked_line_by_line() {
    let answer = "Try:\n```rust\nlet a = 1;\nlet s = t.clone();\nprint(s);\n```\n";
    let (text, rewrites) = run(&["let s = t.clone()"], &[answer]);
    assert_eq!(text, answer.replace("let s = t.clone();", HINTS_IN_CODE[0]));
    assert_eq!(rewrites, 1);
}

#[test]
fn repeated_answers_do_not_become_a_litany() {
    let (text, rewrites) = run(&["42"], &["It is 42. Really, 42. I said 42. And 42. Bye."]);
    assert_eq!(rewrites, 4);
    assert_eq!(text.matches("Let us not").count(), 1);
    assert!(text.ends_with("Bye."));
}

#[test]
fn a_hint_that_would_spell_the_answer_is_not_used() {
    let (text, _) = run(&["42", "result", "yours"], &["It is 42. Bye."]);
    assert_eq!(text, format!("{} Bye.", HINTS[1]));
    let (silent, _) = run(&["42", "result", "lesson", "yours"], &["It is 42. Bye."]);
    assert_eq!(silent.trim_start(), "Bye.");
}

#[test]
fn citations_keep_their_place_and_go_with_what_is_replaced() {
    let mut guard = Guard::new(Arc::new(AnswerForms::of(&["42"])), 2);
    let out = guard.push("One owner [1]. It is 42 [2]. ");
    assert_eq!(out[0], Checked { text: "One owner. ".into(), cites: vec![(9, 1)] });
    assert!(out[1].cites.is_empty());
}

#[test]
fn good_hints_pass_unchanged() {
    let hint = "What happens to `x` after line 4? Compare with 41 and 43, or 42.5.\n\n- first\n- second\n";
    assert_eq!(run(&["42", "it moves"], &[hint]), (hint.to_owned(), 0));
}

/// Ways in which a model may dress an answer without changing what the student reads.
fn dressed(form: &str, how: usize) -> String {
    match how % 9 {
        0 => form.to_owned(),
        1 => form.to_uppercase(),
        2 => format!("**{form}**"),
        3 => form.chars().flat_map(|letter| [letter, '\u{200B}']).collect(),
        4 => format!("$\\boxed{{{form}}}$"),
        5 => form
            .chars()
            .map(|letter| match letter {
                '0'..='9' => char::from_u32(u32::from(letter) + 0xFEE0).unwrap_or(letter),
                other => other,
            })
            .collect(),
        6 => form.replace(' ', "\n"),
        7 => format!("`{form}`"),
        _ => form.replace(' ', ".  _"),
    }
}

/// An oracle that shares nothing with the guard: white space and the listed dress undone by hand.
fn spells(text: &str, form: &str) -> bool {
    let undress = |text: &str| -> String {
        let bare: String = text
            .chars()
            .filter(|letter| !"*_`$\u{200B}{}.".contains(*letter))
            .map(|letter| match u32::from(letter) {
                wide @ 0xFF10..=0xFF19 => char::from_u32(wide - 0xFEE0).unwrap_or(letter),
                _ => letter,
            })
            .collect();
        bare.replace("\\boxed", "").to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    format!(" {} ", undress(text)).contains(&format!(" {} ", undress(form)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn no_answer_ever_leaves_however_it_is_dressed_and_chunked(
        filler in prop::collection::vec("[a-d]{1,6}[ .?\n]{1,2}|```\n|[0-9]{1,2} |\\[1\\]", 0..24),
        form in "[1-9][0-9]{1,3}|zeta (omega )?sigma|zeta [1-9]{2} sigma",
        plants in prop::collection::vec((0_usize..24, 0_usize..9), 1..4),
        sizes in prop::collection::vec(1_usize..9, 1..64),
    ) {
        let mut parts = filler;
        for (at, how) in plants {
            let at = at.min(parts.len());
            parts.insert(at, format!(" {} ", dressed(&form, how)));
        }
        let answer: Vec<char> = parts.concat().chars().collect();
        let mut chunks: Vec<String> = Vec::new();
        let mut rest = answer.as_slice();
        for size in sizes.iter().cycle() {
            if rest.is_empty() { break; }
            let (chunk, after) = rest.split_at((*size).min(rest.len()));
            chunks.push(chunk.iter().collect());
            rest = after;
        }
        let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
        let (text, _) = run(&[&form], &chunks);
        prop_assert!(!spells(&text, &form), "{form:?} left in {text:?}");
    }

    #[test]
    fn an_answer_without_keys_in_it_passes_unchanged(text in "[a-d .?!\n`*]{0,200}") {
        let (out, rewrites) = run(&["zeta 17"], &[&text]);
        prop_assert_eq!(out, text);
        prop_assert_eq!(rewrites, 0);
    }
}
