//! A page's text, with the place each line came from.

use std::ops::Range;
use std::path::{Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag};

/// A page after its includes were put in.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(crate) text: String,
    segments: Vec<Segment>,
    lines: usize,
}

/// Lines from `out` on are those of `file` from `line` on.
#[derive(Debug)]
struct Segment {
    out: usize,
    file: PathBuf,
    line: usize,
}

impl Source {
    /// `line` is the line of `file`, from 1, on which `text` begins.
    pub(crate) fn push(&mut self, text: &str, file: &Path, line: usize) {
        self.segments.push(Segment { out: self.lines, file: file.to_owned(), line });
        self.lines += text.bytes().filter(|byte| *byte == b'\n').count();
        self.text.push_str(text);
    }

    /// File and line (from 1) of a place in the text.
    pub(crate) fn origin(&self, offset: usize) -> (&Path, usize) {
        let line = self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
        let segment = self.segments.iter().rev().find(|segment| segment.out <= line);
        segment.map_or((Path::new(""), 1), |segment| (&segment.file, segment.line + line - segment.out))
    }
}

/// Where a text is code, block or inline, and markup means nothing.
pub(crate) fn code_ranges(text: &str) -> Vec<Range<usize>> {
    Parser::new_ext(text, Options::ENABLE_TABLES)
        .into_offset_iter()
        .filter(|(event, _)| matches!(event, Event::Code(_) | Event::Start(Tag::CodeBlock(_))))
        .map(|(_, range)| range)
        .collect()
}

pub(crate) fn is_within(ranges: &[Range<usize>], offset: usize) -> bool {
    let next = ranges.partition_point(|range| range.end <= offset);
    ranges.get(next).is_some_and(|range| range.start <= offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_knows_where_it_came_from() {
        let mut source = Source::default();
        source.push("one\ntwo\n", Path::new("a.md"), 1);
        source.push("in\nin\n", Path::new("b.rs"), 7);
        source.push("three\n", Path::new("a.md"), 4);
        let at = |text: &str| {
            let (file, line) = source.origin(source.text.find(text).unwrap());
            (file.to_str().unwrap().to_owned(), line)
        };
        assert_eq!(at("two"), ("a.md".to_owned(), 2));
        assert_eq!(source.origin(source.text.find("in").unwrap() + 3), (Path::new("b.rs"), 8));
        assert_eq!(at("three"), ("a.md".to_owned(), 4));
    }

    #[test]
    fn code_is_told_from_text() {
        let text = "a `b` c\n\n```sh\nd\n```\n\n    e\n";
        let ranges = code_ranges(text);
        let inside = |letter| is_within(&ranges, text.find(letter).unwrap());
        assert_eq!(['a', 'b', 'c', 'd', 'e'].map(inside), [false, true, false, true, true]);
    }
}
