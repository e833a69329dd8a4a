//! What a page's source holds that readers do not see.

use std::ops::Range;

/// Whether a code block is Rust, whose lines that begin with `# ` are for the compiler alone.
pub(crate) fn is_rust(info: &str) -> bool {
    info.split([',', ' ', '\t']).any(|word| matches!(word, "rust" | "rs"))
}

/// rustdoc's rule: a line `#` or `# …` is hidden, `##…` stands for `#…`.
pub(crate) fn visible_rust(code: &str) -> String {
    code.split_inclusive('\n')
        .filter(|line| !is_hidden(line))
        .map(|line| match escaped_hash(line) {
            Some(at) => format!("{}{}", &line[..at], &line[at + 1..]),
            None => line.to_owned(),
        })
        .collect()
}

fn is_hidden(line: &str) -> bool {
    let line = line.trim();
    line == "#" || line.starts_with("# ")
}

fn escaped_hash(line: &str) -> Option<usize> {
    let at = line.len() - line.trim_start().len();
    line[at..].starts_with("##").then_some(at)
}

/// The same for the source of a block, fences and quote marks included.
pub(crate) fn hidden_line_cuts(text: &str, block: Range<usize>) -> Vec<Range<usize>> {
    let mut cuts = Vec::new();
    let mut start = block.start;
    for (index, line) in text[block].split_inclusive('\n').enumerate() {
        let content = line.trim_start_matches([' ', '>', '\t']);
        let at = start + line.len() - content.len();
        if index > 0 && is_hidden(content) {
            cuts.push(start..start + line.len());
        } else if index > 0 && escaped_hash(content) == Some(0) {
            cuts.push(at..at + 1);
        }
        start += line.len();
    }
    cuts
}

/// Comments and tags within a piece of HTML.
pub(crate) fn html_cuts(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let mut cuts = Vec::new();
    let mut at = range.start;
    while let Some(found) = text[at..range.end].find('<').map(|found| found + at) {
        let rest = &text[found..range.end];
        let len = if rest.starts_with("<!--") {
            rest.find("-->").map_or(rest.len(), |end| end + 3)
        } else {
            rest.find('>').map_or(rest.len(), |end| end + 1)
        };
        cuts.push(found..found + len);
        at = found + len;
    }
    cuts
}

/// What is left of a range of the text. `cuts` are sorted; they may overlap.
pub(crate) fn apply(text: &str, range: Range<usize>, cuts: &[Range<usize>]) -> String {
    let mut out = String::new();
    let mut at = range.start;
    for cut in cuts.iter().filter(|cut| cut.start < range.end && cut.end > range.start) {
        if cut.start > at {
            out.push_str(&text[at..cut.start]);
        }
        at = at.max(cut.end);
    }
    if at < range.end {
        out.push_str(&text[at..range.end]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_lines_are_cut_from_the_source_as_from_the_code() {
        let block = "> ```rust\n> # hidden\n> shown\n> ## escaped\n> #\n> ```\n";
        let cuts = hidden_line_cuts(block, 0..block.len());
        assert_eq!(apply(block, 0..block.len(), &cuts), "> ```rust\n> shown\n> # escaped\n> ```\n");
        assert_eq!(visible_rust("# hidden\nshown\n## escaped\n#\n#[attr]\n"), "shown\n# escaped\n#[attr]\n");
        assert!(is_rust("rust,ignore") && is_rust("rust should_panic") && !is_rust("rusty"));
    }

    #[test]
    fn tags_and_comments_are_cut() {
        let text = "a <!-- <b> --> c <i class=\"x\">d</i>";
        assert_eq!(apply(text, 0..text.len(), &html_cuts(text, 0..text.len())), "a  c d");
    }

    #[test]
    fn overlapping_cuts_cut_once() {
        assert_eq!(apply("0123456789", 1..9, &[0..3, 2..4, 3..4, 8..20]), "4567");
    }
}
