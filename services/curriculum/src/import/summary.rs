//! `SUMMARY.md`: which pages a course has, in which order and stage.

use std::path::PathBuf;

use mdbook_summary::{Link, Summary, SummaryItem, parse_summary};

use super::files::normal;
use super::report::ImportError;

const INTRODUCTION: &str = "Introduction";
const APPENDIX: &str = "Appendix";

/// The pages of a book, in reading order. Stages are made of mdBook's parts or, in a book without
/// parts, of its top-level chapters. Prefix chapters join the first part, or stand as a stage
/// "Introduction" before the chapters; suffix chapters are a last stage "Appendix".
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) stages: Vec<PlannedStage>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PlannedStage {
    pub(crate) title: String,
    pub(crate) pages: Vec<PlannedPage>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PlannedPage {
    pub(crate) title: String,
    /// `1.2`; prefix and suffix chapters have none.
    pub(crate) number: Option<String>,
    /// Relative to the book's `src`; nothing for a draft.
    pub(crate) path: Option<PathBuf>,
}

impl Plan {
    pub(crate) fn parse(text: &str) -> Result<Self, ImportError> {
        parse_summary(text).map(|summary| Self::of(&summary)).map_err(|error| {
            let detail = error.root_cause().to_string();
            ImportError::Summary { line: line_of(text, &detail), detail }
        })
    }

    pub(crate) fn pages(&self) -> usize {
        self.stages.iter().map(|stage| stage.pages.len()).sum()
    }

    fn of(summary: &Summary) -> Self {
        let mut plan = Self::default();
        let has_parts =
            summary.numbered_chapters.iter().any(|item| matches!(item, SummaryItem::PartTitle(_)));
        let prefix = flatten(&summary.prefix_chapters);
        if has_parts {
            plan.add_parts(prefix, &summary.numbered_chapters);
        } else {
            plan.add_chapters(prefix, &summary.numbered_chapters);
        }
        plan.add(APPENDIX, flatten(&summary.suffix_chapters));
        plan
    }

    fn add(&mut self, title: &str, pages: Vec<PlannedPage>) {
        if !pages.is_empty() {
            self.stages.push(PlannedStage { title: title.to_owned(), pages });
        }
    }

    fn add_parts(&mut self, prefix: Vec<PlannedPage>, items: &[SummaryItem]) {
        let mut pages = prefix;
        // Chapters may stand before the first part's title.
        let mut title = None;
        for item in items {
            match item {
                SummaryItem::PartTitle(next) => {
                    let leading = title.is_none() && pages.iter().all(|page| page.number.is_none());
                    if !leading {
                        self.add(title.unwrap_or(INTRODUCTION), std::mem::take(&mut pages));
                    }
                    title = Some(next.as_str());
                }
                item => flatten_item(item, &mut pages),
            }
        }
        self.add(title.unwrap_or(INTRODUCTION), pages);
    }

    fn add_chapters(&mut self, prefix: Vec<PlannedPage>, items: &[SummaryItem]) {
        self.add(INTRODUCTION, prefix);
        for item in items {
            let mut pages = Vec::new();
            flatten_item(item, &mut pages);
            let title = pages.first().map(|page| page.title.clone()).unwrap_or_default();
            self.add(&title, pages);
        }
    }
}

fn flatten(items: &[SummaryItem]) -> Vec<PlannedPage> {
    let mut pages = Vec::new();
    for item in items {
        flatten_item(item, &mut pages);
    }
    pages
}

fn flatten_item(item: &SummaryItem, into: &mut Vec<PlannedPage>) {
    let SummaryItem::Link(link) = item else { return };
    into.push(page(link));
    for nested in &link.nested_items {
        flatten_item(nested, into);
    }
}

fn page(link: &Link) -> PlannedPage {
    let path = link.location.as_ref().filter(|path| !path.as_os_str().is_empty());
    let name = link.name.trim();
    let stem = path.and_then(|path| path.file_stem()).map(|stem| stem.to_string_lossy().into_owned());
    PlannedPage {
        title: if name.is_empty() { stem.unwrap_or_default() } else { name.to_owned() },
        number: link.number.as_ref().map(|number| number.to_string().trim_end_matches('.').to_owned()),
        // A path that leads out of the book keeps its form, so that reading it is refused and reported.
        path: path.map(|path| normal(path).unwrap_or_else(|| path.clone())),
    }
}

/// The parser tells the line in words, or names a file that stands there a second time.
fn line_of(text: &str, detail: &str) -> Option<usize> {
    if let Some((_, rest)) = detail.split_once("SUMMARY.md line ") {
        return rest.split(',').next()?.trim().parse().ok();
    }
    let file = detail.strip_prefix("Duplicate file in SUMMARY.md: ")?.trim_matches('"');
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| line.contains(file));
    lines.nth(1).map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Vec<(String, Vec<String>)> {
        let shown = |page: &PlannedPage| match (&page.number, &page.path) {
            (Some(number), Some(path)) => format!("{number} {}", path.display()),
            (None, Some(path)) => path.display().to_string(),
            (_, None) => format!("draft {}", page.title),
        };
        let stages = Plan::parse(text).unwrap().stages;
        stages.iter().map(|stage| (stage.title.clone(), stage.pages.iter().map(shown).collect())).collect()
    }

    fn stage(title: &str, pages: &[&str]) -> (String, Vec<String>) {
        (title.to_owned(), pages.iter().map(|page| (*page).to_owned()).collect())
    }

    #[test]
    fn parts_are_stages_and_prefix_chapters_join_the_first() {
        let text = "# Summary\n\n[Preface](preface.md)\n\n# Basics\n\n- [One](1.md)\n  - [One A](./1/a.md)\n\n# More\n\n- [Two](2.md)\n\n---\n\n[Thanks](thanks.md)\n";
        assert_eq!(
            plan(text),
            [
                stage("Basics", &["preface.md", "1 1.md", "1.1 1/a.md"]),
                stage("More", &["2 2.md"]),
                stage("Appendix", &["thanks.md"]),
            ]
        );
    }

    #[test]
    fn chapters_before_the_first_part_are_an_introduction() {
        let text = "# Summary\n\n[Preface](p.md)\n\n- [Start](s.md)\n\n# Basics\n\n- [One](1.md)\n";
        assert_eq!(plan(text), [stage("Introduction", &["p.md", "1 s.md"]), stage("Basics", &["2 1.md"])]);
    }

    #[test]
    fn without_parts_each_chapter_with_its_nested_ones_is_a_stage() {
        let text = "# Summary\n\n[Preface](p.md)\n\n- [One](1.md)\n  - [A](a.md)\n    - [Deep](d.md)\n  - [B](b.md)\n- [Two](2.md)\n\n[End](e.md)\n";
        assert_eq!(
            plan(text),
            [
                stage("Introduction", &["p.md"]),
                stage("One", &["1 1.md", "1.1 a.md", "1.1.1 d.md", "1.2 b.md"]),
                stage("Two", &["2 2.md"]),
                stage("Appendix", &["e.md"]),
            ]
        );
    }

    #[test]
    fn a_draft_keeps_its_place_for_the_report() {
        assert_eq!(
            plan("# Summary\n\n- [Later]()\n  - [Now](now.md)\n"),
            [stage("Later", &["draft Later", "1.1 now.md"])]
        );
    }

    #[test]
    fn a_broken_summary_is_told_by_its_line() {
        let line = |text| match Plan::parse(text) {
            Err(ImportError::Summary { line, .. }) => line,
            other => panic!("{other:?}"),
        };
        assert_eq!(line("# Summary\n\n- [One](1.md)\n- Not a link\n"), Some(4));
        assert_eq!(line("# Summary\n\n- [One](1.md)\n- [Again](1.md)\n"), Some(4));
    }
}
