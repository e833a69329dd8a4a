//! From a directory to a course's content.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use super::directives::expand;
use super::files::{MAX_ASSET_BYTES, MAX_PAGE_BYTES, Refusal, Root, shown};
use super::manifest::Manifest;
use super::math;
use super::page::{self, Page};
use super::passages::{Place, split};
use super::report::{ExerciseProblem, ImportError, ImportProgress, Skipped};
use super::rewrite::{Rewritten, Site, rewrite};
use super::slug::{Unique, course_slug, is_course_slug, lesson_slug};
use super::source::Source;
use super::summary::{Plan, PlannedPage};
use crate::domain::content::{Asset, Content, Exercise, Lesson};
use crate::domain::course::{UnlockPolicy, count};

#[derive(Debug)]
pub(crate) struct Book {
    root: Root,
    manifest: Manifest,
    plan: Plan,
    slug: String,
    title: String,
}

/// A page that was read, before its links are known to lead somewhere.
struct ReadPage {
    title: String,
    number: Option<String>,
    stage: usize,
    /// Relative to the book's directory.
    file: PathBuf,
    slug: String,
    source: Source,
    page: Page,
}

#[derive(Default)]
struct Findings {
    skipped: Vec<Skipped>,
    problems: Vec<ExerciseProblem>,
}

impl Findings {
    fn skip(&mut self, file: &Path, reason: impl Into<String>) {
        self.skipped.push(Skipped { file: shown(file), line: None, reason: reason.into() });
    }
}

impl Book {
    /// Reads `book.toml` and `SUMMARY.md`.
    pub(crate) fn open(dir: &Path, slug: Option<String>) -> Result<Self, ImportError> {
        let root = Root::open(dir).map_err(|source| ImportError::Read { path: dir.to_owned(), source })?;
        let manifest = Manifest::read(&root)?;
        let summary = manifest.src.join("SUMMARY.md");
        let text = root.text(&summary, MAX_PAGE_BYTES).map_err(|refusal| match refusal {
            Refusal::Missing => ImportError::NotABook { dir: dir.to_owned(), summary: summary.clone() },
            refusal => ImportError::Summary { line: None, detail: refusal.to_string() },
        })?;
        let plan = Plan::parse(&text)?;
        let name = root.dir().file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let slug = slug.or_else(|| manifest.slug.clone()).unwrap_or_else(|| course_slug(&name));
        if !is_course_slug(&slug) {
            return Err(ImportError::Slug(slug));
        }
        let title = manifest.title.clone().unwrap_or(name);
        Ok(Self { root, manifest, plan, slug, title })
    }

    pub(crate) fn slug(&self) -> &str {
        &self.slug
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Reads every page and image.
    pub(crate) fn read(
        &self,
        unlock: UnlockPolicy,
        progress: &dyn ImportProgress,
    ) -> Result<(Content, Vec<Skipped>), ImportError> {
        let mut findings = Findings::default();
        let pages = self.read_pages(progress, &mut findings);
        find_duplicates(&pages, &mut findings.problems);
        if !findings.problems.is_empty() {
            return Err(ImportError::Exercises(findings.problems));
        }
        if pages.is_empty() {
            return Err(ImportError::Empty(findings.skipped));
        }
        let content = self.compose(pages, unlock, &mut findings);
        Ok((content, findings.skipped))
    }

    fn read_pages(&self, progress: &dyn ImportProgress, findings: &mut Findings) -> Vec<ReadPage> {
        progress.started(self.plan.pages());
        let mut slugs = Unique::default();
        let mut pages = Vec::new();
        for (stage, planned) in self.plan.stages.iter().enumerate() {
            for planned_page in &planned.pages {
                progress.page(&planned_page.title);
                if let Some(page) = self.read_page(planned_page, stage, &mut slugs, findings) {
                    pages.push(page);
                }
            }
        }
        pages
    }

    fn read_page(
        &self,
        planned: &PlannedPage,
        stage: usize,
        slugs: &mut Unique,
        findings: &mut Findings,
    ) -> Option<ReadPage> {
        let Some(path) = &planned.path else {
            let summary = self.manifest.src.join("SUMMARY.md");
            findings.skip(&summary, format!("“{}” is a draft: it has no page yet", planned.title));
            return None;
        };
        let file = self.manifest.src.join(path);
        let source = self.root.text(&file, MAX_PAGE_BYTES).and_then(|text| {
            let text = if self.manifest.math { math::dollars(&text) } else { text };
            expand(&self.root, &file, &text, &mut findings.skipped)
        });
        let source = match source {
            Ok(source) => source,
            Err(refusal) => {
                findings.skip(&file, format!("the page “{}” was left out: {refusal}", planned.title));
                return None;
            }
        };
        let page = match page::read(&source, self.manifest.math) {
            Ok(page) => page,
            Err(problems) => {
                findings.problems.extend(problems);
                return None;
            }
        };
        Some(ReadPage {
            title: planned.title.clone(),
            number: planned.number.clone(),
            stage,
            slug: slugs.take(&lesson_slug(path)),
            file,
            source,
            page,
        })
    }

    fn compose(&self, pages: Vec<ReadPage>, unlock: UnlockPolicy, findings: &mut Findings) -> Content {
        let lessons: BTreeMap<PathBuf, String> =
            pages.iter().map(|page| (page.file.clone(), page.slug.clone())).collect();
        let site = Site { course: &self.slug, src: &self.manifest.src, lessons: &lessons };
        let mut content = Content {
            slug: self.slug.clone(),
            title: self.title.clone(),
            description: self.manifest.description.clone(),
            unlock,
            stages: Vec::new(),
            lessons: Vec::with_capacity(pages.len()),
            assets: Vec::new(),
        };
        let mut assets = Assets { root: &self.root, site: &site, known: BTreeMap::new() };
        let mut last_stage = None;
        for page in pages {
            // A stage whose pages were all left out is none.
            if last_stage != Some(page.stage) {
                last_stage = Some(page.stage);
                content.stages.push(self.plan.stages[page.stage].title.clone());
            }
            let lesson = self.lesson(page, &content, &mut assets, findings);
            content.lessons.push(lesson);
        }
        content.assets = assets.known.into_values().flatten().collect();
        content.assets.sort_by(|one, other| one.path.cmp(&other.path));
        content
    }

    fn lesson(
        &self,
        read: ReadPage,
        content: &Content,
        assets: &mut Assets,
        findings: &mut Findings,
    ) -> Lesson {
        let ReadPage { title, number, file, slug, source, page, .. } = read;
        let stage = content.stages.last().map(String::as_str).unwrap_or_default();
        let place = Place { course: &self.title, stage, lesson: &title, slug: &slug };
        let passages = split(&source.text, &page, &place);
        let mut finish = |html: &str| assets.rewrite(html, &file, findings);
        let Rewritten { html, dead_links, .. } = finish(&page.html);
        let exercises = page.exercises.iter().map(|exercise| {
            let block = exercise.block.clone();
            Exercise {
                id: block.id,
                title: block.title,
                prompt: block.prompt,
                prompt_html: finish(&exercise.prompt_html).html,
                expected_points: block.points,
                answer_key: block.answer_key,
                answer_forms: block.answer_forms,
            }
        });
        let exercises = exercises.collect();
        if let Some(first) = dead_links.first() {
            let number = dead_links.len();
            findings.skip(
                &file,
                format!("{number} of its links lead to no page of the book, the first to {first}"),
            );
        }
        Lesson {
            slug,
            title,
            number,
            stage: count(content.stages.len()),
            html,
            headings: page.headings,
            exercises,
            passages,
        }
    }
}

/// Images by their files; nothing for one that was refused.
struct Assets<'a> {
    root: &'a Root,
    site: &'a Site<'a>,
    known: BTreeMap<PathBuf, Option<Asset>>,
}

impl Assets<'_> {
    /// Reads the images that the page shows and that are not known yet; then its links and images
    /// can lead to where they will be.
    fn rewrite(&mut self, html: &str, page: &Path, findings: &mut Findings) -> Rewritten {
        for (name, file) in rewrite(html, page, self.site, &|_| true).images {
            if self.known.contains_key(&file) {
                continue;
            }
            let asset = self.read(name, &file);
            if let Err(reason) = &asset {
                findings.skip(page, format!("the image {} was left out: {reason}", shown(&file)));
            }
            self.known.insert(file, asset.ok());
        }
        rewrite(html, page, self.site, &|file| self.known.get(file).is_some_and(Option::is_some))
    }

    fn read(&self, name: String, file: &Path) -> Result<Asset, String> {
        let kind = mime_guess::from_path(file).first().filter(|kind| kind.type_() == "image");
        let Some(kind) = kind else { return Err("it is no image by its name".to_owned()) };
        let body = self.root.bytes(file, MAX_ASSET_BYTES).map_err(|refusal| refusal.to_string())?;
        Ok(Asset::new(name, kind.essence_str().to_owned(), body))
    }
}

/// An id names one exercise of the course, for the tutor's guard as for the reader's address bar.
fn find_duplicates(pages: &[ReadPage], problems: &mut Vec<ExerciseProblem>) {
    let mut seen: HashMap<&str, (&str, usize)> = HashMap::new();
    for exercise in pages.iter().flat_map(|page| &page.page.exercises) {
        let id = exercise.block.id.as_str();
        if let Some((file, line)) = seen.get(id) {
            let detail = format!("the exercise id {id:?} is taken by {file}:{line}");
            problems.push(ExerciseProblem { file: exercise.file.clone(), line: exercise.line, detail });
        } else {
            seen.insert(id, (&exercise.file, exercise.line));
        }
    }
}
