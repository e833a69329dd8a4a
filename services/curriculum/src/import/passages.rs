//! Lessons in pieces that the tutor can search and cite: one per heading, neither tiny nor huge.

use super::cuts;
use super::page::{BlockKind, Page};
use crate::domain::content::{Heading, Passage};

/// In characters. A shorter piece says too little to be found by; it goes with its neighbour.
const TINY: usize = 80;
/// In characters. A longer piece is cut between paragraphs.
const LONG: usize = 1800;
/// Headings below are text.
const DEEPEST: u32 = 4;

/// Where a lesson stands.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    pub(crate) course: &'a str,
    pub(crate) stage: &'a str,
    pub(crate) lesson: &'a str,
    pub(crate) slug: &'a str,
}

/// What stands under one heading.
#[derive(Debug, Default)]
struct Section<'a> {
    /// The headings it stands under, the innermost last.
    path: Vec<&'a Heading>,
    blocks: Vec<String>,
}

pub(crate) fn split(source: &str, page: &Page, place: &Place) -> Vec<Passage> {
    let sections = merge_tiny(sections(source, page));
    let mut passages: Vec<Passage> = Vec::new();
    for section in &sections {
        let anchor = section.path.last().map(|heading| heading.anchor.as_str()).unwrap_or_default();
        for (number, text) in pieces(&section.blocks).into_iter().enumerate() {
            passages.push(Passage {
                id: format!("{}#{anchor}/{number}", place.slug),
                anchor: anchor.to_owned(),
                breadcrumb: breadcrumb(place, &section.path),
                text,
            });
        }
    }
    passages
}

fn breadcrumb(place: &Place, path: &[&Heading]) -> Vec<String> {
    let headings = path.iter().map(|heading| heading.text.as_str());
    // A page's own title mostly says what the lesson is called.
    let headings = headings.filter(|text| *text != place.lesson);
    [place.course, place.stage, place.lesson].into_iter().chain(headings).map(str::to_owned).collect()
}

fn sections<'p>(source: &str, page: &'p Page) -> Vec<Section<'p>> {
    let mut sections = vec![Section::default()];
    let mut path: Vec<&Heading> = Vec::new();
    for block in &page.blocks {
        let heading = match block.kind {
            BlockKind::Heading(index) => page.headings.get(index).filter(|heading| heading.level <= DEEPEST),
            _ => None,
        };
        if let Some(heading) = heading {
            path.retain(|outer| outer.level < heading.level);
            path.push(heading);
            sections.push(Section { path: path.clone(), blocks: Vec::new() });
            continue;
        }
        let text = |range: &std::ops::Range<usize>| {
            cuts::apply(source, range.clone(), &page.cuts).trim_end().to_owned()
        };
        let whole = text(&block.range);
        let texts = match &block.kind {
            BlockKind::List(items) if length(&whole) > LONG => items.iter().map(text).collect(),
            _ => vec![whole],
        };
        if let Some(section) = sections.last_mut() {
            section.blocks.extend(
                texts
                    .into_iter()
                    .map(|text| text.trim_matches('\n').to_owned())
                    .filter(|text| !text.trim().is_empty()),
            );
        }
    }
    sections.retain(|section| !section.blocks.is_empty());
    sections
}

/// Joins a tiny section to the next one, the last to the one before. The heading that is thereby
/// lost from the breadcrumb stays in the text.
fn merge_tiny(sections: Vec<Section<'_>>) -> Vec<Section<'_>> {
    let mut out: Vec<Section> = Vec::new();
    let mut waiting: Option<Section> = None;
    for mut section in sections {
        if let Some(tiny) = waiting.take() {
            let mut blocks = titled(&tiny, &section);
            blocks.append(&mut section.blocks);
            section.blocks = blocks;
        }
        if section.blocks.iter().map(|block| length(block)).sum::<usize>() < TINY {
            waiting = Some(section);
        } else {
            out.push(section);
        }
    }
    if let Some(tiny) = waiting {
        match out.last_mut() {
            Some(last) => {
                let blocks = titled(&tiny, last);
                last.blocks.extend(blocks);
            }
            None => out.push(tiny),
        }
    }
    out
}

/// The section's blocks under its heading, unless the other section stands under it as well.
fn titled(section: &Section, other: &Section) -> Vec<String> {
    let lost =
        section.path.last().filter(|heading| !other.path.iter().any(|outer| outer.anchor == heading.anchor));
    let title = lost.map(|heading| {
        let level = usize::try_from(heading.level).unwrap_or(1);
        format!("{} {}", "#".repeat(level), heading.text)
    });
    title.into_iter().chain(section.blocks.iter().cloned()).collect()
}

fn pieces(blocks: &[String]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut room = 0;
    for block in blocks {
        let len = length(block) + 2;
        match out.last_mut() {
            // A line that leads to a long block stays with it.
            Some(piece) if len <= room || length(piece) < TINY => {
                piece.push_str("\n\n");
                piece.push_str(block);
                room = room.saturating_sub(len);
            }
            _ => {
                out.push(block.clone());
                room = LONG.saturating_sub(len);
            }
        }
    }
    // What is left at the end may be tiny again.
    if let [.., before, last] = out.as_mut_slice()
        && length(last) < TINY
    {
        before.push_str("\n\n");
        before.push_str(last);
        out.pop();
    }
    out
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::source::Source;
    use super::*;

    const PLACE: Place = Place { course: "C", stage: "S", lesson: "L", slug: "l" };

    fn passages(text: &str) -> Vec<Passage> {
        let mut source = Source::default();
        source.push(text, Path::new("l.md"), 1);
        let page = super::super::page::read(&source, true).unwrap();
        split(&source.text, &page, &PLACE)
    }

    fn words(count: usize) -> String {
        "lorem ipsum ".repeat(count).trim_end().to_owned()
    }

    #[test]
    fn each_heading_has_its_passage_and_breadcrumb() {
        let (a, b, c) = (words(10), words(11), words(12));
        let text = format!(
            "{a}\n\n# L\n\n{a}\n\n## Two\n\n{b}\n\n#### Deep\n\n{c}\n\n##### Text\n\n{c}\n\n## Three\n\n{a}\n"
        );
        let passages = passages(&text);
        let shown: Vec<_> =
            passages.iter().map(|passage| (passage.id.as_str(), passage.breadcrumb.join(">"))).collect();
        assert_eq!(
            shown,
            [
                ("l#/0", "C>S>L".to_owned()),
                ("l#l/0", "C>S>L".to_owned()),
                ("l#two/0", "C>S>L>Two".to_owned()),
                ("l#deep/0", "C>S>L>Two>Deep".to_owned()),
                ("l#three/0", "C>S>L>Three".to_owned()),
            ]
        );
        assert_eq!(passages[3].text, format!("{c}\n\n##### Text\n\n{c}"));
    }

    #[test]
    fn a_tiny_section_goes_with_the_next_and_the_last_with_the_one_before() {
        let text = format!("# L\n\nShort.\n\n## Two\n\n{}\n\n## Three\n\nBrief.\n", words(10));
        let passages = passages(&text);
        assert_eq!(passages.len(), 1);
        assert_eq!(passages[0].anchor, "two");
        assert_eq!(passages[0].text, format!("Short.\n\n{}\n\n## Three\n\nBrief.", words(10)));
    }

    #[test]
    fn a_long_section_is_cut_between_paragraphs_and_never_within_code() {
        let code = format!("```rust\n{}```", "let line = 1;\n\n".repeat(300));
        let text = format!("# L\n\n{0}\n\n{0}\n\n{0}\n\n{code}\n\n{0}\n", words(60));
        let passages = passages(&text);
        let ids: Vec<&str> = passages.iter().map(|passage| passage.id.as_str()).collect();
        assert_eq!(ids, ["l#l/0", "l#l/1", "l#l/2", "l#l/3"]);
        assert_eq!(passages[2].text, code);
        assert!(
            passages
                .iter()
                .filter(|passage| !passage.text.contains("```"))
                .all(|passage| length(&passage.text) <= LONG)
        );
    }

    #[test]
    fn a_long_list_is_cut_between_items() {
        let list = format!("- {}\n", words(30)).repeat(12);
        let passages = passages(&format!("# L\n\n{list}"));
        assert!(passages.len() > 1);
        assert!(
            passages.iter().all(|passage| passage.text.starts_with("- ") && length(&passage.text) <= LONG)
        );
    }

    #[test]
    fn passages_show_no_exercise_no_tags_and_no_addresses() {
        let text = format!(
            "# L\n\n<!-- note -->\n\n<div class=\"x\">\n\n{0} [a *link*](b.md) ![picture](p.png) [ref][r] <b>bold</b>\n\n</div>\n\n```exercise\nid = \"e\"\ntitle = \"T\"\nprompt = \"P\"\nanswer_key = \"secret\"\n```\n\n```rust\n# hidden\nshown\n```\n\n[r]: https://x.example\n",
            words(10)
        );
        let passages = passages(&text);
        assert_eq!(passages.len(), 1);
        assert_eq!(
            passages[0].text,
            format!("{} a *link* picture ref bold\n\n```rust\nshown\n```", words(10))
        );
    }
}
