//! What every adapter must do, as functions over the port.

use api::curriculum::GetAccessResponse;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::domain::access::Access;

fn version(course_id: &str, version: &str) -> IndexedVersion {
    IndexedVersion { course_id: course_id.to_owned(), version: version.to_owned() }
}

fn passage(lesson: &str, stage: u32, heading: &str, text: &str) -> Passage {
    Passage {
        id: format!("{lesson}#{heading}/1"),
        lesson_slug: lesson.to_owned(),
        lesson_title: lesson.to_owned(),
        stage,
        anchor: heading.to_lowercase(),
        breadcrumb: ["Course", "Stage", lesson, heading].map(str::to_owned).to_vec(),
        text: text.to_owned(),
        order: 0,
    }
}

/// A student who has reached `highest_stage` of a course with these passages.
fn filter(course_id: &str, highest_stage: u32, passages: &[Passage]) -> StageFilter {
    let lesson_stage = passages.iter().map(|passage| (passage.lesson_slug.clone(), passage.stage)).collect();
    let granted =
        GetAccessResponse { course_id: course_id.into(), highest_stage, lesson_stage, ..Default::default() };
    Access::new("course", granted).stage_filter()
}

fn corpus() -> Vec<Passage> {
    vec![
        passage("ownership", 1, "Moves", "Assigning a String moves it; the old variable is no longer valid."),
        passage("ownership", 1, "Clone", "Call clone to copy the heap data of a String."),
        passage("borrowing", 1, "References", "A reference borrows a value without taking ownership of it."),
        passage("loops", 1, "While", "A while loop runs as long as its condition holds."),
        passage(
            "traits",
            2,
            "Traits",
            "A trait defines shared behaviour; moves of trait objects need a Box.",
        ),
    ]
}

fn place(lesson: &str, anchor: &str) -> Place {
    Place { lesson_slug: lesson.to_owned(), anchor: anchor.to_owned() }
}

async fn found(index: &impl Retriever, query: Query) -> Vec<String> {
    let passages = index.retrieve(&query).await.unwrap();
    passages.into_iter().map(|passage| passage.anchor).collect()
}

pub async fn finds_what_a_question_is_about(index: &impl PassageIndex) {
    index.replace(&version("c", "1"), corpus()).await.unwrap();
    let all = filter("c", 2, &corpus());
    assert_eq!(found(index, Query::new(all.clone(), "How can I copy a string?")).await[0], "clone");
    assert_eq!(found(index, Query::new(all.clone(), "what is a TRAIT")).await[0], "traits");
    assert!(found(index, Query::new(all, "photosynthesis")).await.is_empty());
}

pub async fn the_page_is_preferred_but_does_not_hide_the_course(index: &impl PassageIndex) {
    let on_two_pages = vec![
        passage("a", 1, "One", "Recursion calls itself."),
        passage("b", 1, "Two", "Recursion calls itself."),
    ];
    index.replace(&version("c", "1"), on_two_pages.clone()).await.unwrap();
    let all = filter("c", 1, &on_two_pages);
    let asked = |lesson: &str| Query::new(all.clone(), "recursion").at(Some(place(lesson, "")));
    assert_eq!(found(index, asked("a")).await, ["one", "two"]);
    assert_eq!(found(index, asked("b")).await, ["two", "one"]);
}

pub async fn a_question_without_words_finds_the_page(index: &impl PassageIndex) {
    index.replace(&version("c", "1"), corpus()).await.unwrap();
    let query = Query::new(filter("c", 2, &corpus()), "what is this?").at(Some(place("ownership", "clone")));
    assert_eq!(found(index, query).await[0], "clone");
}

pub async fn a_version_replaces_another_as_a_whole(index: &impl PassageIndex) {
    let (old, new) = (version("c", "1"), version("c", "2"));
    let other = version("d", "1");
    index.replace(&old, corpus()).await.unwrap();
    index.replace(&other, corpus()).await.unwrap();
    let renewed = vec![passage("ownership", 1, "Drop", "A value is dropped with its owner.")];
    index.replace(&new, renewed.clone()).await.unwrap();
    let mut versions = index.versions().await.unwrap();
    versions.sort();
    assert_eq!(versions, [new, other]);
    let all = filter("c", 2, &renewed);
    assert_eq!(found(index, Query::new(all.clone(), "dropped")).await, ["drop"]);
    assert!(found(index, Query::new(all, "clone")).await.is_empty());
    assert_eq!(found(index, Query::new(filter("d", 2, &corpus()), "clone")).await, ["clone"]);
    index.remove("d").await.unwrap();
    assert_eq!(index.versions().await.unwrap().len(), 1);
}

pub async fn a_course_without_an_index_is_not_ready(index: &impl PassageIndex) {
    let outcome = index.retrieve(&Query::new(filter("none", 1, &[]), "anything")).await;
    assert!(matches!(outcome, Err(RetrieveError::NotReady)));
}

/// Random courses whose passages share their words, random questions, pages and progress; the
/// student's view of the stages may be newer than the index.
pub fn no_passage_of_a_locked_stage_is_ever_found<I: PassageIndex>(make: impl Fn() -> I) {
    const WORDS: [&str; 6] = ["moves", "string", "owner", "heap", "loop", "trait"];
    let text = || {
        prop::collection::vec(prop::sample::select(WORDS.to_vec()), 1..8).prop_map(|words| words.join(" "))
    };
    let passages = prop::collection::vec((0_usize..6, 1_u32..5, text(), text()), 1..24).prop_map(|rows| {
        let passage = |(lesson, stage, heading, text): (usize, u32, String, String)| {
            passage(&format!("l{lesson}-{stage}"), stage, &heading, &text)
        };
        rows.into_iter().map(passage).collect::<Vec<_>>()
    });
    let case = (passages, text(), 0_u32..5, 0_usize..24, prop::collection::vec(0_usize..24, 0..4));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&case, |(passages, question, highest, here, moved)| {
        let mut now = passages.clone();
        for row in moved {
            let row = row % now.len();
            now[row].stage += 1;
        }
        let here = &passages[here % passages.len()];
        let filter = filter("c", highest, &now);
        let query = Query::new(filter.clone(), question).at(Some(place(&here.lesson_slug, &here.anchor)));
        let index = make();
        let found = runtime.block_on(async {
            index.replace(&version("c", "1"), passages.clone()).await.unwrap();
            index.retrieve(&query).await.unwrap()
        });
        prop_assert!(found.len() <= query.limit());
        for passage in found {
            prop_assert!(passage.stage <= highest, "{passage:?} is locked");
            prop_assert!(filter.admits(&passage.lesson_slug, passage.stage), "{passage:?} is locked now");
        }
        Ok(())
    });
    outcome.unwrap();
}
