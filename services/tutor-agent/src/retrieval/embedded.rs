//! BM25 in memory, one index per course.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use tantivy::collector::TopDocs;
use tantivy::query::{
    BooleanQuery, BoostQuery, ConstScoreQuery, Occur, Query as Search, RangeQuery, TermQuery,
};
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value,
};
use tantivy::tokenizer::{
    Language, LowerCaser, RemoveLongFilter, SimpleTokenizer, Stemmer, StopWordFilter, TextAnalyzer,
};
use tantivy::{Index, IndexReader, TantivyDocument, TantivyError, Term};

use super::fusion::{COURSE_WEIGHT, K, PAGE_WEIGHT, fuse};
use super::{IndexedVersion, Passage, PassageIndex, Place, Query, RetrieveError, Retriever};

/// Passages that each list brings into the fusion.
const PREFETCH: usize = 50;
/// A word in a heading says more than one in the text.
const HEADING_WEIGHT: f32 = 2.0;
/// Different words of a question at most; a pasted program must not become a thousand clauses.
const LONGEST_QUESTION: usize = 64;
const ANALYZER: &str = "lesson";
const WRITER_BYTES: usize = 32 * 1024 * 1024;

/// The courses that can be searched.
#[derive(Debug, Default)]
pub struct EmbeddedIndex {
    courses: RwLock<BTreeMap<String, Arc<Course>>>,
}

impl EmbeddedIndex {
    fn course(&self, course_id: &str) -> Option<Arc<Course>> {
        self.courses.read().unwrap_or_else(PoisonError::into_inner).get(course_id).cloned()
    }
}

#[async_trait]
impl Retriever for EmbeddedIndex {
    async fn retrieve(&self, query: &Query) -> Result<Vec<Passage>, RetrieveError> {
        let course = self.course(query.filter().course_id()).ok_or(RetrieveError::NotReady)?;
        // Well under a millisecond for a course: not worth a thread.
        Ok(course.search(query)?)
    }
}

#[async_trait]
impl PassageIndex for EmbeddedIndex {
    async fn replace(&self, course: &IndexedVersion, passages: Vec<Passage>) -> Result<(), RetrieveError> {
        let (course_id, version) = (course.course_id.clone(), course.version.clone());
        let built = tokio::task::spawn_blocking(move || Course::build(&course_id, version, passages))
            .await
            .map_err(|error| RetrieveError::Failed(error.to_string()))??;
        let mut courses = self.courses.write().unwrap_or_else(PoisonError::into_inner);
        courses.insert(course.course_id.clone(), Arc::new(built));
        Ok(())
    }

    async fn versions(&self) -> Result<Vec<IndexedVersion>, RetrieveError> {
        let courses = self.courses.read().unwrap_or_else(PoisonError::into_inner);
        let version = |(course_id, course): (&String, &Arc<Course>)| IndexedVersion {
            course_id: course_id.clone(),
            version: course.version.clone(),
        };
        Ok(courses.iter().map(version).collect())
    }

    async fn remove(&self, course_id: &str) -> Result<(), RetrieveError> {
        self.courses.write().unwrap_or_else(PoisonError::into_inner).remove(course_id);
        Ok(())
    }
}

impl From<TantivyError> for RetrieveError {
    fn from(error: TantivyError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// One version of one course.
struct Course {
    version: String,
    passages: Vec<Passage>,
    reader: IndexReader,
    analyzer: TextAnalyzer,
    fields: Fields,
}

impl std::fmt::Debug for Course {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Course")
            .field("version", &self.version)
            .field("passages", &self.passages.len())
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy)]
struct Fields {
    /// Place in `passages`.
    row: Field,
    course: Field,
    lesson: Field,
    stage: Field,
    heading: Field,
    text: Field,
}

fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let words =
        TextFieldIndexing::default().set_tokenizer(ANALYZER).set_index_option(IndexRecordOption::WithFreqs);
    let words = TextOptions::default().set_indexing_options(words);
    let fields = Fields {
        row: schema.add_u64_field("row", STORED),
        course: schema.add_text_field("course", STRING),
        lesson: schema.add_text_field("lesson", STRING),
        stage: schema.add_u64_field("stage", INDEXED | FAST),
        heading: schema.add_text_field("heading", words.clone()),
        text: schema.add_text_field("text", words),
    };
    (schema.build(), fields)
}

fn analyzer() -> TextAnalyzer {
    let words = TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(60))
        .filter(LowerCaser);
    match StopWordFilter::new(Language::English) {
        Some(stop) => words.filter(stop).filter(Stemmer::new(Language::English)).build(),
        None => words.filter(Stemmer::new(Language::English)).build(),
    }
}

impl Course {
    fn build(course_id: &str, version: String, passages: Vec<Passage>) -> Result<Self, RetrieveError> {
        let (schema, fields) = schema();
        let index = Index::create_in_ram(schema);
        index.tokenizers().register(ANALYZER, analyzer());
        let mut writer = index.writer_with_num_threads(1, WRITER_BYTES)?;
        for (row, passage) in passages.iter().enumerate() {
            let mut document = TantivyDocument::default();
            document.add_u64(fields.row, row as u64);
            document.add_text(fields.course, course_id);
            document.add_text(fields.lesson, &passage.lesson_slug);
            document.add_u64(fields.stage, u64::from(passage.stage));
            // The course and stage names are the same for every passage: they tell nothing apart.
            for heading in passage.breadcrumb.iter().skip(2) {
                document.add_text(fields.heading, heading);
            }
            document.add_text(fields.text, &passage.text);
            writer.add_document(document)?;
        }
        writer.commit()?;
        Ok(Self { version, passages, reader: index.reader()?, analyzer: analyzer(), fields })
    }

    fn search(&self, query: &Query) -> Result<Vec<Passage>, TantivyError> {
        let words = self.words(query.text());
        let course = self.ranked(query, &words, None)?;
        let mut lists = vec![(COURSE_WEIGHT, course)];
        if let Some(place) = query.place() {
            let on_page = self.ranked(query, &words, Some(&place.lesson_slug))?;
            // "Explain this": no word to search by, but the student is somewhere.
            let on_page =
                if on_page.is_empty() && lists[0].1.is_empty() { self.around(place) } else { on_page };
            lists.push((PAGE_WEIGHT, on_page));
        }
        let admitted = |row: &usize| {
            self.passages
                .get(*row)
                .is_some_and(|passage| query.filter().admits(&passage.lesson_slug, passage.stage))
        };
        for (_, rows) in &mut lists {
            rows.retain(admitted);
        }
        let rows = fuse(&lists, K, query.limit());
        Ok(rows.into_iter().filter_map(|row| self.passages.get(row).cloned()).collect())
    }

    fn words(&self, text: &str) -> BTreeSet<String> {
        let mut analyzer = self.analyzer.clone();
        let mut stream = analyzer.token_stream(text);
        let mut words = BTreeSet::new();
        while words.len() < LONGEST_QUESTION && stream.advance() {
            words.insert(stream.token().text.clone());
        }
        words
    }

    /// Rows by BM25, best first; the filter is part of the search.
    fn ranked(
        &self,
        query: &Query,
        words: &BTreeSet<String>,
        lesson: Option<&str>,
    ) -> Result<Vec<usize>, TantivyError> {
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let fields = self.fields;
        let exactly = |field, text: &str| -> Box<dyn Search> {
            unscored(Box::new(TermQuery::new(Term::from_field_text(field, text), IndexRecordOption::Basic)))
        };
        let highest = Term::from_field_u64(fields.stage, u64::from(query.filter().highest_stage()));
        let open =
            RangeQuery::new(Bound::Included(Term::from_field_u64(fields.stage, 0)), Bound::Included(highest));
        let mut clauses = vec![
            (Occur::Must, exactly(fields.course, query.filter().course_id())),
            (Occur::Must, unscored(Box::new(open))),
        ];
        clauses.extend(lesson.map(|lesson| (Occur::Must, exactly(fields.lesson, lesson))));
        clauses.push((Occur::Must, Box::new(any_of(fields, words))));
        let searcher = self.reader.searcher();
        let best = TopDocs::with_limit(PREFETCH).order_by_score();
        let hits = searcher.search(&BooleanQuery::new(clauses), &best)?;
        let mut ranked = Vec::with_capacity(hits.len());
        for (score, address) in hits {
            let document: TantivyDocument = searcher.doc(address)?;
            let row = document.get_first(fields.row).and_then(|value| value.as_u64());
            ranked.extend(row.and_then(|row| usize::try_from(row).ok()).map(|row| (score, row)));
        }
        ranked.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
        Ok(ranked.into_iter().map(|(_, row)| row).collect())
    }

    /// The passages of a page, from the heading the student reads on, then those before it.
    fn around(&self, place: &Place) -> Vec<usize> {
        let mut rows: Vec<usize> = (0..self.passages.len())
            .filter(|row| self.passages[*row].lesson_slug == place.lesson_slug)
            .collect();
        rows.sort_by_key(|row| self.passages[*row].order);
        let here = rows.iter().position(|row| self.passages[*row].anchor == place.anchor).unwrap_or(0);
        rows.rotate_left(here);
        rows
    }
}

fn unscored(query: Box<dyn Search>) -> Box<dyn Search> {
    Box::new(ConstScoreQuery::new(query, 0.0))
}

fn any_of(fields: Fields, words: &BTreeSet<String>) -> BooleanQuery {
    let term = |field, word: &str| -> Box<dyn Search> {
        Box::new(TermQuery::new(Term::from_field_text(field, word), IndexRecordOption::WithFreqs))
    };
    let clauses = words.iter().flat_map(|word| {
        let heading: Box<dyn Search> = Box::new(BoostQuery::new(term(fields.heading, word), HEADING_WEIGHT));
        [(Occur::Should, term(fields.text, word)), (Occur::Should, heading)]
    });
    BooleanQuery::new(clauses.collect())
}

#[cfg(test)]
mod tests {
    use super::super::conformance;
    use super::*;

    #[tokio::test]
    async fn it_finds_what_a_question_is_about() {
        conformance::finds_what_a_question_is_about(&EmbeddedIndex::default()).await;
    }

    #[tokio::test]
    async fn the_page_is_preferred_but_does_not_hide_the_course() {
        conformance::the_page_is_preferred_but_does_not_hide_the_course(&EmbeddedIndex::default()).await;
    }

    #[tokio::test]
    async fn a_question_without_a_word_to_search_by_finds_the_page() {
        conformance::a_question_without_words_finds_the_page(&EmbeddedIndex::default()).await;
    }

    #[tokio::test]
    async fn a_version_replaces_another_as_a_whole() {
        conformance::a_version_replaces_another_as_a_whole(&EmbeddedIndex::default()).await;
    }

    #[tokio::test]
    async fn a_course_without_an_index_is_not_ready() {
        conformance::a_course_without_an_index_is_not_ready(&EmbeddedIndex::default()).await;
    }

    #[test]
    fn no_passage_of_a_locked_stage_is_ever_found() {
        conformance::no_passage_of_a_locked_stage_is_ever_found(EmbeddedIndex::default);
    }
}
