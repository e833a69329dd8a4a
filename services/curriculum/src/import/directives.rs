//! mdBook's `{{#include}}` and its relatives.

use std::path::Path;

use super::files::{MAX_PAGE_BYTES, Refusal, Root, beside, shown};
use super::manifest::line_at;
use super::report::Skipped;
use super::source::{Source, code_ranges, is_within};

/// As deep as mdBook goes.
const MAX_DEPTH: usize = 10;

/// A page with its includes put in. What cannot be put in is left out and reported.
///
/// # Errors
/// [`Refusal::TooLarge`] when the includes make the page too large.
pub(crate) fn expand(
    root: &Root,
    page: &Path,
    text: &str,
    skipped: &mut Vec<Skipped>,
) -> Result<Source, Refusal> {
    let mut expander = Expander { root, out: Source::default(), skipped };
    expander.feed(&Piece { file: page, first_line: 1, text, depth: 0, in_code: false })?;
    Ok(expander.out)
}

struct Expander<'a> {
    root: &'a Root,
    out: Source,
    skipped: &'a mut Vec<Skipped>,
}

struct Piece<'a> {
    file: &'a Path,
    first_line: usize,
    text: &'a str,
    depth: usize,
    /// It stands within a code block of the page that includes it.
    in_code: bool,
}

/// `{{#name args}}`
#[derive(Debug, PartialEq, Eq)]
struct Directive<'a> {
    name: &'a str,
    args: &'a str,
    /// Bytes it takes in the text.
    len: usize,
}

impl Expander<'_> {
    fn feed(&mut self, piece: &Piece) -> Result<(), Refusal> {
        let code = if piece.in_code { Vec::new() } else { code_ranges(piece.text) };
        let mut done = 0;
        let mut search = 0;
        while let Some(found) = piece.text[search..].find("{{").map(|at| at + search) {
            search = found + 2;
            let Some(directive) = parse(&piece.text[found..]) else { continue };
            let in_code = piece.in_code || is_within(&code, found);
            if piece.text[..found].ends_with('\\') {
                // An escaped directive is text: only its backslash goes.
                self.copy(piece, done, found - 1)?;
                done = found;
                search = found + directive.len;
                continue;
            }
            if !is_known(directive.name) && in_code {
                continue;
            }
            self.copy(piece, done, found)?;
            done = found + directive.len;
            search = done;
            let line = piece.first_line + line_at(piece.text, found) - 1;
            if let Err(reason) = self.perform(piece, &directive, line, in_code)? {
                let reason = format!("{{{{#{} {}}}}} was left out: {reason}", directive.name, directive.args);
                self.skipped.push(Skipped { file: shown(piece.file), line: Some(line), reason });
            }
        }
        self.copy(piece, done, piece.text.len())
    }

    fn copy(&mut self, piece: &Piece, from: usize, to: usize) -> Result<(), Refusal> {
        if from < to {
            let line = piece.first_line + line_at(piece.text, from) - 1;
            self.out.push(&piece.text[from..to], piece.file, line);
        }
        if u64::try_from(self.out.text.len()).unwrap_or(u64::MAX) > MAX_PAGE_BYTES {
            return Err(Refusal::TooLarge(MAX_PAGE_BYTES));
        }
        Ok(())
    }

    /// The inner error is one to report; the page goes on.
    fn perform(
        &mut self,
        piece: &Piece,
        directive: &Directive,
        line: usize,
        in_code: bool,
    ) -> Result<Result<(), String>, Refusal> {
        let Directive { name, args, .. } = directive;
        match *name {
            // Lines that rustdoc_include would hide are never shown here: the two are the same.
            "include" | "rustdoc_include" => self.include(piece, args, in_code),
            "playground" | "playpen" => {
                let mut words = args.split_whitespace();
                let file = words.next().unwrap_or_default();
                self.out.push("```rust\n", piece.file, line);
                let outcome = self.include(piece, file, true)?;
                self.out.push("\n```", piece.file, line);
                Ok(outcome)
            }
            // The browser's title of the page; ours is the lesson's.
            "title" => Ok(Ok(())),
            _ => Ok(Err("this is no part of mdBook itself".to_owned())),
        }
    }

    fn include(&mut self, piece: &Piece, args: &str, in_code: bool) -> Result<Result<(), String>, Refusal> {
        if piece.depth + 1 >= MAX_DEPTH {
            return Ok(Err(format!("files include each other more than {MAX_DEPTH} deep")));
        }
        let (path, part) = parse_target(args);
        let file = beside(piece.file, path);
        let text = match self.root.text(&file, MAX_PAGE_BYTES) {
            Ok(text) => text,
            Err(refusal) => return Ok(Err(refusal.to_string())),
        };
        let Some(lines) = part.select(&text) else {
            return Ok(Err(format!("{path} has no such anchor")));
        };
        let file = super::files::normal(&file).unwrap_or(file);
        for (index, run) in runs(&lines).into_iter().enumerate() {
            if index > 0 {
                self.out.push("\n", &file, run.0);
            }
            let depth = piece.depth + 1;
            self.feed(&Piece { file: &file, first_line: run.0, text: &run.1, depth, in_code })?;
        }
        Ok(Ok(()))
    }
}

fn is_known(name: &str) -> bool {
    matches!(name, "include" | "rustdoc_include" | "playground" | "playpen" | "title")
}

/// A directive at the start of the text, on one line.
fn parse(text: &str) -> Option<Directive<'_>> {
    let end = text.find("}}")?;
    let inner = text.get(2..end)?.trim().strip_prefix('#')?;
    if inner.contains(['\n', '{', '}']) {
        return None;
    }
    let name_end =
        inner.find(|letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-')));
    let (name, args) = inner.split_at(name_end.unwrap_or(inner.len()));
    let spaced = args.is_empty() || args.starts_with(char::is_whitespace);
    (!name.is_empty() && spaced).then(|| Directive { name, args: args.trim(), len: end + 2 })
}

/// The part of a file that is included.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    /// Lines from 0, the end excluded.
    Lines(usize, usize),
    Anchor(&'a str),
}

/// `file`, `file:2`, `file:2:`, `file::10`, `file:2:10` or `file:anchor`.
fn parse_target(args: &str) -> (&str, Part<'_>) {
    let args = args.trim();
    let Some((path, rest)) = args.split_once(':') else { return (args, Part::Lines(0, usize::MAX)) };
    let (first, second) = match rest.split_once(':') {
        Some((first, second)) => (first.trim(), Some(second.trim())),
        None => (rest.trim(), None),
    };
    let start = match first.parse::<usize>() {
        Ok(line) => line.saturating_sub(1),
        Err(_) if first.is_empty() => 0,
        Err(_) => return (path, Part::Anchor(first)),
    };
    let end = match second {
        None if first.is_empty() => usize::MAX,
        None => start + 1,
        Some(second) => second.parse().unwrap_or(usize::MAX),
    };
    (path, Part::Lines(start, end))
}

impl Part<'_> {
    /// The numbered lines (from 1) without those that only mark an anchor.
    fn select<'t>(&self, text: &'t str) -> Option<Vec<(usize, &'t str)>> {
        let lines = (1..).zip(text.lines());
        let mut selected = Vec::new();
        let mut found = false;
        let mut within = false;
        for (number, line) in lines {
            let mark = anchor_mark(line);
            match *self {
                Part::Lines(start, end) => {
                    found = true;
                    within = (start..end).contains(&(number - 1));
                }
                Part::Anchor(wanted) => match mark {
                    Some((true, name)) if name == wanted => {
                        found = true;
                        within = true;
                    }
                    Some((false, name)) if name == wanted => within = false,
                    _ => {}
                },
            }
            if within && mark.is_none() {
                selected.push((number, line));
            }
        }
        (found || matches!(self, Part::Lines(..))).then_some(selected)
    }
}

/// `ANCHOR: name` (true) or `ANCHOR_END: name` (false) anywhere in the line.
fn anchor_mark(line: &str) -> Option<(bool, &str)> {
    let (begins, rest) = match line.split_once("ANCHOR_END:") {
        Some((_, rest)) => (false, rest),
        None => (true, line.split_once("ANCHOR:")?.1),
    };
    let rest = rest.trim_start();
    let is_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-');
    let end = rest.find(|letter| !is_name(letter)).unwrap_or(rest.len());
    (end > 0).then(|| (begins, &rest[..end]))
}

/// Neighbouring lines joined, each run with the number of its first line.
fn runs(lines: &[(usize, &str)]) -> Vec<(usize, String)> {
    let mut out: Vec<(usize, String)> = Vec::new();
    let mut last = None;
    for (number, line) in lines {
        match out.last_mut() {
            Some((_, text)) if last == Some(number - 1) => {
                text.push('\n');
                text.push_str(line);
            }
            _ => out.push((*number, (*line).to_owned())),
        }
        last = Some(*number);
    }
    out
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const CODE: &str = "one\n// ANCHOR: all\ntwo\n// ANCHOR: inner\nthree\n// ANCHOR_END: inner\nfour\n// ANCHOR_END: all\nfive\n";

    fn expand_in(files: &[(&str, &str)], page: &str) -> (String, Vec<String>) {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = dir.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let root = Root::open(dir.path()).unwrap();
        let mut skipped = Vec::new();
        let source = expand(&root, Path::new("src/page.md"), page, &mut skipped).unwrap();
        (source.text, skipped.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn files_ranges_and_anchors_are_included_without_their_marks() {
        for (spec, expected) in [
            ("", "one\ntwo\nthree\nfour\nfive"),
            (":1", "one"),
            (":5", "three"),
            (":7:", "four\nfive"),
            ("::3", "one\ntwo"),
            (":3:5", "two\nthree"),
            (":all", "two\nthree\nfour"),
            (":inner", "three"),
        ] {
            for name in ["include", "rustdoc_include"] {
                let page = format!("a {{{{#{name} ../code.rs{spec}}}}} b");
                let (text, skipped) = expand_in(&[("code.rs", CODE)], &page);
                assert_eq!(text, format!("a {expected} b"), "{spec}");
                assert!(skipped.is_empty(), "{skipped:?}");
            }
        }
    }

    #[test]
    fn what_cannot_be_included_is_left_out_and_reported() {
        let (text, skipped) = expand_in(
            &[("code.rs", CODE)],
            "x\n{{#include none.rs}}\n{{#include ../../../etc/passwd}}\n{{#include /etc/passwd}}\n{{#include ../code.rs:nowhere}}\n{{#quiz q.toml}}y",
        );
        assert_eq!(text, "x\n\n\n\n\ny");
        assert_eq!(
            skipped,
            [
                "src/page.md:2: {{#include none.rs}} was left out: there is no such file",
                "src/page.md:3: {{#include ../../../etc/passwd}} was left out: it lies outside of the book",
                "src/page.md:4: {{#include /etc/passwd}} was left out: it lies outside of the book",
                "src/page.md:5: {{#include ../code.rs:nowhere}} was left out: ../code.rs has no such anchor",
                "src/page.md:6: {{#quiz q.toml}} was left out: this is no part of mdBook itself",
            ]
        );
    }

    #[test]
    fn includes_are_relative_to_the_file_they_stand_in_and_end_somewhere() {
        let (text, _) = expand_in(
            &[("src/a/b.md", "[{{#include c.md}}]"), ("src/a/c.md", "deep")],
            "{{#include a/b.md}}",
        );
        assert_eq!(text, "[deep]");
        let (text, skipped) = expand_in(&[("src/loop.md", "x{{#include loop.md}}")], "{{#include loop.md}}");
        assert_eq!(text, "x".repeat(MAX_DEPTH - 1));
        assert_eq!(skipped.len(), 1);
    }

    #[test]
    fn a_page_cannot_grow_without_bounds() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(
            dir.path().join("bomb.md"),
            "{{#include bomb.md}}{{#include bomb.md}}{{#include bomb.md}}".repeat(2),
        )
        .unwrap();
        fs::write(dir.path().join("big.md"), "x".repeat(1024 * 1024)).unwrap();
        let root = Root::open(dir.path()).unwrap();
        let page = "{{#include big.md}}".repeat(3);
        let refused = expand(&root, Path::new("page.md"), &page, &mut Vec::new());
        assert_eq!(refused.err(), Some(Refusal::TooLarge(MAX_PAGE_BYTES)));
    }

    #[test]
    fn escaped_directives_and_templates_in_code_are_text() {
        let page = r"\{{#include x}} `{{#each y}}` {{ name }} {{#title T}}end";
        let (text, skipped) = expand_in(&[], page);
        assert_eq!(text, "{{#include x}} `{{#each y}}` {{ name }} end");
        assert!(skipped.is_empty(), "{skipped:?}");
    }

    #[test]
    fn a_playground_is_a_code_block() {
        let (text, _) = expand_in(&[("src/a.rs", "fn main() {}\n")], "{{#playground a.rs editable}}");
        assert_eq!(text, "```rust\nfn main() {}\n```");
    }
}
