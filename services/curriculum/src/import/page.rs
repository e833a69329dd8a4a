//! A page's Markdown as HTML, headings, exercises, and the blocks that passages are made of.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd, html};

use super::cuts::{hidden_line_cuts, html_cuts, is_rust, visible_rust};
use super::exercise::{self, Block};
use super::report::ExerciseProblem;
use super::rewrite::escape;
use super::sanitise::sanitise;
use super::slug::{Unique, normalize_id};
use super::source::Source;
use crate::domain::content::Heading;

#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Sanitised; links are still those of the book.
    pub(crate) html: String,
    pub(crate) headings: Vec<Heading>,
    pub(crate) exercises: Vec<PageExercise>,
    /// The page's outermost elements, in order.
    pub(crate) blocks: Vec<PageBlock>,
    /// Parts of the source that no passage shows, sorted.
    pub(crate) cuts: Vec<Range<usize>>,
}

#[derive(Debug)]
pub(crate) struct PageExercise {
    pub(crate) block: Block,
    /// Sanitised; links are still those of the book.
    pub(crate) prompt_html: String,
    pub(crate) file: String,
    pub(crate) line: usize,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PageBlock {
    pub(crate) range: Range<usize>,
    pub(crate) kind: BlockKind,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum BlockKind {
    /// Index into the page's headings.
    Heading(usize),
    /// Ranges of its items.
    List(Vec<Range<usize>>),
    Other,
}

/// Reads a page; `math` tells whether `$` means formulas.
///
/// # Errors
/// Every exercise block that cannot be taken over.
pub(crate) fn read(source: &Source, math: bool) -> Result<Page, Vec<ExerciseProblem>> {
    let mut reader = Reader::new(source, math);
    let mut parser = Parser::new_ext(&source.text, options(math)).into_offset_iter();
    for (event, range) in parser.by_ref() {
        reader.event(event, range);
    }
    // Where links are defined is nothing to read.
    let definitions: Vec<Range<usize>> =
        parser.reference_definitions().iter().map(|(_, definition)| definition.span.clone()).collect();
    reader.find_stray_exercises();
    let Reader { mut page, problems, out, .. } = reader;
    if !problems.is_empty() {
        return Err(problems);
    }
    page.cuts.extend(definitions);
    page.cuts.sort_by_key(|cut| (cut.start, cut.end));
    let mut html = String::new();
    html::push_html(&mut html, out.into_iter());
    page.html = sanitise(&html);
    Ok(page)
}

fn options(math: bool) -> Options {
    let mut options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
        | Options::ENABLE_GFM;
    options.set(Options::ENABLE_MATH, math);
    options
}

struct Reader<'a> {
    source: &'a Source,
    math: bool,
    page: Page,
    problems: Vec<ExerciseProblem>,
    out: Vec<Event<'a>>,
    /// Where exercise blocks were seen, read or not.
    seen: Vec<Range<usize>>,
    ids: Unique,
    depth: usize,
    items: Vec<Range<usize>>,
    code: Option<Code<'a>>,
    heading: Option<OpenHeading<'a>>,
    /// Links and images that are open: their range, and that of what they show.
    shown: Vec<(Range<usize>, Option<Range<usize>>)>,
}

struct Code<'a> {
    info: CowStr<'a>,
    text: String,
    range: Range<usize>,
}

struct OpenHeading<'a> {
    id: Option<CowStr<'a>>,
    text: String,
    level: u32,
    /// Where its start is in `out`.
    start: usize,
}

impl<'a> Reader<'a> {
    fn new(source: &'a Source, math: bool) -> Self {
        Self {
            source,
            math,
            page: Page::default(),
            problems: Vec::new(),
            out: Vec::new(),
            seen: Vec::new(),
            ids: Unique::default(),
            depth: 0,
            items: Vec::new(),
            code: None,
            heading: None,
            shown: Vec::new(),
        }
    }

    fn event(&mut self, event: Event<'a>, range: Range<usize>) {
        match &event {
            Event::Start(tag) => {
                if self.depth == 1 && matches!(tag, Tag::Item) {
                    self.items.push(range.clone());
                }
                self.depth += 1;
            }
            Event::End(_) => self.depth -= 1,
            _ => {}
        }
        let ended = (self.depth == 0).then(|| self.block_kind(&event)).flatten();
        self.show(&event, &range);
        self.take(event, &range);
        if let Some(kind) = ended {
            self.page.blocks.push(PageBlock { range, kind });
        }
    }

    fn block_kind(&mut self, event: &Event) -> Option<BlockKind> {
        match event {
            Event::End(TagEnd::Heading(_)) => Some(BlockKind::Heading(self.page.headings.len())),
            Event::End(TagEnd::List(_)) => Some(BlockKind::List(std::mem::take(&mut self.items))),
            Event::End(_) => Some(BlockKind::Other),
            _ => None,
        }
    }

    fn take(&mut self, event: Event<'a>, range: &Range<usize>) {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let info = if let CodeBlockKind::Fenced(info) = kind { info } else { CowStr::Borrowed("") };
                self.code = Some(Code { info, text: String::new(), range: range.clone() });
            }
            Event::End(TagEnd::CodeBlock) => self.end_code(),
            Event::Text(text) if self.code.is_some() => {
                if let Some(code) = &mut self.code {
                    code.text.push_str(&text);
                }
            }
            Event::Start(Tag::Heading { level, id, .. }) => {
                let start = self.out.len();
                self.heading = Some(OpenHeading { id, text: String::new(), level: level as u32, start });
                self.out.push(Event::Start(Tag::Heading {
                    level,
                    id: None,
                    classes: Vec::new(),
                    attrs: Vec::new(),
                }));
            }
            Event::End(TagEnd::Heading(level)) => {
                self.end_heading();
                self.out.push(Event::End(TagEnd::Heading(level)));
            }
            // Footnotes have their own names, so that none is taken for a heading's.
            Event::FootnoteReference(label) => self.out.push(Event::FootnoteReference(footnote(&label))),
            Event::Start(Tag::FootnoteDefinition(label)) => {
                self.out.push(Event::Start(Tag::FootnoteDefinition(footnote(&label))));
            }
            event => {
                if let (Some(heading), Some(text)) = (&mut self.heading, text_of(&event)) {
                    heading.text.push_str(text);
                }
                self.out.push(event);
            }
        }
    }

    /// Notes what passages leave out: tags, and where links lead.
    fn show(&mut self, event: &Event, range: &Range<usize>) {
        if let Some((_, inner)) = self.shown.last_mut()
            && !matches!(event, Event::End(TagEnd::Link | TagEnd::Image))
        {
            let start = inner.as_ref().map_or(range.start, |inner| inner.start);
            *inner = Some(start..range.end);
        }
        match event {
            Event::Start(Tag::Link { .. } | Tag::Image { .. }) => self.shown.push((range.clone(), None)),
            Event::End(TagEnd::Link | TagEnd::Image) => match self.shown.pop() {
                Some((outer, Some(inner))) => {
                    self.page.cuts.extend([outer.start..inner.start, inner.end..outer.end]);
                }
                Some((outer, None)) => self.page.cuts.push(outer),
                None => {}
            },
            Event::Start(Tag::HtmlBlock) | Event::InlineHtml(_) => {
                self.page.cuts.extend(html_cuts(&self.source.text, range.clone()));
            }
            _ => {}
        }
    }

    fn end_heading(&mut self) {
        let Some(OpenHeading { id, text, level, start }) = self.heading.take() else { return };
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let wanted = normalize_id(id.as_deref().unwrap_or(&text));
        let anchor = self.ids.take(if wanted.is_empty() { "section" } else { &wanted });
        if let Some(Event::Start(Tag::Heading { id, .. })) = self.out.get_mut(start) {
            *id = Some(anchor.clone().into());
        }
        self.page.headings.push(Heading { level, text, anchor });
    }

    fn end_code(&mut self) {
        let Some(code) = self.code.take() else { return };
        let language = code.info.split([',', ' ', '\t']).next().unwrap_or_default();
        if language.eq_ignore_ascii_case(exercise::INFO) {
            self.exercise(&code);
        } else if exercise::is_mislabelled(&code.text) {
            let detail = format!(
                "an exercise must be a block ```{}; as it stands, it shows its answer",
                exercise::INFO
            );
            self.seen.push(code.range.clone());
            self.problem(code.range.start, 0, detail);
        } else {
            let rust = is_rust(&code.info);
            if rust {
                self.page.cuts.extend(hidden_line_cuts(&self.source.text, code.range.clone()));
            }
            let text = if rust { visible_rust(&code.text) } else { code.text };
            let class = if language.is_empty() {
                String::new()
            } else {
                format!(" class=\"language-{}\"", escape(language))
            };
            let html = format!("<pre><code{class}>{}</code></pre>\n", escape(&text));
            self.out.push(Event::Html(html.into()));
        }
    }

    fn exercise(&mut self, code: &Code) {
        self.page.cuts.push(code.range.clone());
        self.seen.push(code.range.clone());
        let block = match exercise::parse(&code.text) {
            Ok(block) => block,
            // The first line of the body is the one after the fence.
            Err(malformed) => return self.problem(code.range.start, malformed.line, malformed.detail),
        };
        let mut prompt = Source::default();
        let (file, line) = self.source.origin(code.range.start);
        prompt.push(&block.prompt, file, line);
        let prompt_page = match read(&prompt, self.math) {
            Ok(page) if page.exercises.is_empty() => page,
            Ok(_) => return self.problem(code.range.start, 0, "an exercise cannot hold another".to_owned()),
            Err(problems) => return self.problems.extend(problems),
        };
        // Ids of headings would be those of the page.
        let prompt_html = without_ids(&prompt_page.html);
        let id = &block.id;
        let html = format!(
            "<section class=\"exercise\" data-exercise=\"{id}\" id=\"exercise-{id}\">{prompt_html}</section>\n"
        );
        self.out.push(Event::Html(html.into()));
        let file = super::files::shown(file);
        self.page.exercises.push(PageExercise { block, prompt_html, file, line });
    }

    /// An exercise that Markdown takes for something else, since its fence is indented or stands
    /// within another block, would be shown with its answer.
    fn find_stray_exercises(&mut self) {
        let text: &'a str = &self.source.text;
        let mut offset = 0;
        for line in text.split_inclusive('\n') {
            let start = offset;
            offset += line.len();
            let within =
                self.seen.iter().any(|range| range.contains(&start) || range.contains(&(offset - 1)));
            if !within && exercise::is_fence(line) && text[offset..].contains("answer_key") {
                let detail =
                    "this exercise is not read as a block: its fence is indented or within another block";
                self.problem(start, 0, detail.to_owned());
            }
        }
    }

    fn problem(&mut self, offset: usize, line: usize, detail: String) {
        let (file, first) = self.source.origin(offset);
        self.problems.push(ExerciseProblem { file: super::files::shown(file), line: first + line, detail });
    }
}

fn footnote<'a>(label: &str) -> CowStr<'a> {
    format!("fn-{label}").into()
}

fn text_of<'e>(event: &'e Event) -> Option<&'e str> {
    match event {
        Event::Text(text) | Event::Code(text) | Event::InlineMath(text) | Event::DisplayMath(text) => {
            Some(text)
        }
        Event::SoftBreak | Event::HardBreak => Some(" "),
        _ => None,
    }
}

fn without_ids(html: &str) -> String {
    let mut builder = ammonia::Builder::default();
    builder.add_tags(["input"]).add_tag_attributes("input", ["type", "disabled", "checked"]);
    for tag in ["blockquote", "code", "div", "section", "span", "sup"] {
        builder.add_tag_attributes(tag, ["class"]);
    }
    builder.link_rel(Some("noopener")).clean(html).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn page(text: &str, math: bool) -> Page {
        let mut source = Source::default();
        source.push(text, Path::new("src/p.md"), 1);
        read(&source, math).unwrap()
    }

    fn html(text: &str) -> String {
        page(text, true).html
    }

    #[test]
    fn headings_have_unique_ids_and_plain_texts() {
        let page = page("# The `Vec` *type*\n\n## Same\n\n## Same\n\n### Own {#my-id .x}\n\n## !?\n", false);
        let headings: Vec<_> =
            page.headings.iter().map(|heading| (heading.level, &*heading.text, &*heading.anchor)).collect();
        assert_eq!(
            headings,
            [
                (1, "The Vec type", "the-vec-type"),
                (2, "Same", "same"),
                (2, "Same", "same-1"),
                (3, "Own", "my-id"),
                (2, "!?", "section")
            ]
        );
        assert!(page.html.contains("<h2 id=\"same-1\">Same</h2>"), "{}", page.html);
        assert!(page.html.contains("<h3 id=\"my-id\">Own</h3>"), "{}", page.html);
    }

    #[test]
    fn formulas_are_kept_for_the_reader_s_browser() {
        assert_eq!(html("So $a < b_1$."), "<p>So <span class=\"math math-inline\">a &lt; b_1</span>.</p>\n");
        assert!(
            html("$$\\frac{a}{b} \\\\ c$$")
                .contains("<span class=\"math math-display\">\\frac{a}{b} \\\\ c</span>")
        );
        assert_eq!(page("It costs $5 or $HOME$.", false).html, "<p>It costs $5 or $HOME$.</p>\n");
    }

    #[test]
    fn code_has_its_language_and_no_hidden_lines() {
        let rust = "```rust,ignore\n# use std::fmt;\n#[derive(Debug)]\n## shown\nlet a = \"<\";\n#\n```";
        assert_eq!(
            html(rust),
            "<pre><code class=\"language-rust\">#[derive(Debug)]\n# shown\nlet a = \"&lt;\";\n</code></pre>\n"
        );
        assert!(html("```sh\n# a comment\n```").contains("# a comment"));
    }

    #[test]
    fn an_exercise_is_a_section_with_its_prompt() {
        let text = "```exercise\nid = \"e1\"\ntitle = \"T\"\nprompt = \"## What\\n\\nis **this** $x$? </section><script>alert(1)</script>\"\npoints = [\"p\"]\nanswer_key = \"the secret\"\n```\n";
        let page = page(text, true);
        let [exercise] = page.exercises.as_slice() else { panic!("one exercise") };
        assert_eq!((exercise.file.as_str(), exercise.line), ("src/p.md", 1));
        assert!(
            page.html.starts_with(
                "<section class=\"exercise\" data-exercise=\"e1\" id=\"exercise-e1\"><h2>What</h2>"
            ),
            "{}",
            page.html
        );
        assert!(
            page.html.contains("<strong>this</strong> <span class=\"math math-inline\">x</span>"),
            "{}",
            page.html
        );
        assert_eq!(page.html.matches("</section>").count(), 1);
        assert!(!page.html.contains("secret") && !page.html.contains("alert"), "{}", page.html);
    }

    #[test]
    fn every_exercise_that_is_wrong_is_reported_with_its_line() {
        let mut source = Source::default();
        source.push("a\n\n```exercise\nid = \"e1\"\ntitle = 3\n```\n\n> ```toml\n> prompt = \"a\"\n> answer_key = \"b\"\n> ```\n", Path::new("p.md"), 1);
        let problems: Vec<String> =
            read(&source, false).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with("p.md:5: the exercise cannot be read"), "{problems:?}");
        assert!(problems[1].starts_with("p.md:8: an exercise must be a block"), "{problems:?}");
    }

    #[test]
    fn an_exercise_that_markdown_takes_for_something_else_is_an_error() {
        let exercise = "```exercise\nid = \"e\"\ntitle = \"T\"\nprompt = \"P\"\nanswer_key = \"K\"\n```\n";
        let indented = exercise.replace('\n', "\n    ");
        for text in [
            format!("```rust\nopen\n\n{exercise}"),
            format!("a\n\n    {indented}"),
            format!("<!--\n{exercise}-->\n"),
        ] {
            let mut source = Source::default();
            source.push(&text, Path::new("p.md"), 1);
            let problems = read(&source, false).unwrap_err();
            assert!(problems[0].detail.contains("not read as a block"), "{problems:?}");
        }
        let mut source = Source::default();
        source.push(
            &format!(
                "- item\n\n  {}\n\n> {}\n",
                exercise.replace('\n', "\n  "),
                exercise.replace("\"e\"", "\"f\"").replace('\n', "\n> ")
            ),
            Path::new("p.md"),
            1,
        );
        assert_eq!(read(&source, false).unwrap().exercises.len(), 2);
    }

    #[test]
    fn a_footnote_is_no_heading() {
        let html = html("# Note\n\nx[^note]\n\n[^note]: y\n");
        assert!(
            html.contains("id=\"note\"")
                && html.contains("id=\"fn-note\"")
                && html.contains("href=\"#fn-note\""),
            "{html}"
        );
    }

    #[test]
    fn tables_tasks_and_alerts_are_rendered() {
        let html = html("|a|b|\n|:-:|--|\n|1|2|\n\n- [x] done\n\n~~no~~\n\n> [!NOTE]\n> hi\n");
        for part in ["<th style=\"text-align:", "type=\"checkbox\"", "<del>no</del>", "markdown-alert-note"] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }
}
