use std::sync::Arc;

use super::*;
use crate::guard::AnswerForms;
use crate::prompt::Remembered;
use crate::retrieval::Passage;

fn prompt(question: &str) -> Prompt {
    let passage = |heading: &str, text: &str| Passage {
        lesson_title: "Ownership".into(),
        breadcrumb: vec!["Rust".into(), "Stage 1".into(), "Ownership".into(), heading.into()],
        text: text.into(),
        ..Passage::default()
    };
    Prompt {
        question: question.into(),
        passages: vec![
            passage(
                "Moves",
                "Assigning a String moves it to the new variable. The old variable is no longer valid after a move.",
            ),
            passage(
                "Clone",
                "Calling clone copies the heap data as well. That may be slow for large strings.",
            ),
        ],
        ..Prompt::default()
    }
}

#[test]
fn questions_are_told_apart() {
    for (question, kind) in [
        ("What is ownership?", Kind::Definition),
        ("What's the difference between a move and a copy", Kind::Definition),
        ("How do I copy a string?", Kind::How),
        ("Why is the variable invalid?", Kind::Why),
        ("Give me the solution of exercise 2", Kind::Exercise),
        ("I’m stuck", Kind::Stuck),
        ("borrow checker", Kind::General),
    ] {
        assert_eq!(kind_of(question), kind, "{question}");
    }
}

#[test]
fn an_answer_is_labelled_grounded_and_ends_with_a_question() {
    let answer = compose(&prompt("How can I copy a string with clone?"));
    assert!(answer.starts_with("*Offline tutor"));
    assert!(answer.contains("Calling clone copies the heap data as well. [2]"), "{answer}");
    assert!(answer.contains('?'));
    assert!(answer.contains("*Moves* [1]"), "{answer}");
}

#[test]
fn the_same_question_gets_the_same_answer_and_asking_on_the_next_hint() {
    let first = prompt("What is a move?");
    assert_eq!(compose(&first), compose(&first));
    let said = Remembered { speaker: Speaker::Tutor, text: compose(&first) };
    let again = Prompt { history: vec![said], ..first.clone() };
    assert_ne!(compose(&first), compose(&again));
}

#[test]
fn every_kind_has_natural_variants() {
    for question in [
        "What is a move?",
        "How does a move work?",
        "Why does it move?",
        "Solve the exercise on moves",
        "I am stuck with moves",
        "moves",
    ] {
        let answers: std::collections::BTreeSet<String> = (0..3)
            .map(|turns| {
                let said = Remembered { speaker: Speaker::Tutor, text: "earlier".into() };
                compose(&Prompt { history: vec![said; turns], ..prompt(question) })
            })
            .collect();
        assert_eq!(answers.len(), 3, "{question}");
    }
}

#[test]
fn a_sentence_with_an_answer_is_no_hint() {
    let secrets = Arc::new(AnswerForms::of(&["no longer valid", "to the new variable"]));
    for turns in 0..4 {
        let said = Remembered { speaker: Speaker::Tutor, text: "earlier".into() };
        let history = vec![said; turns];
        let answer = compose(&Prompt {
            secrets: Arc::clone(&secrets),
            history,
            ..prompt("When is a variable valid after moves?")
        });
        assert!(!secrets.are_in(&answer), "{answer}");
    }
}

#[test]
fn without_passages_it_says_so_and_does_not_invent() {
    let nothing = compose(&Prompt { passages: vec![], ..prompt("What is photosynthesis?") });
    assert!(nothing.contains("lessons"), "{nothing}");
    assert!(!nothing.contains('['));
    let unsearched = compose(&Prompt { passages: vec![], unsearched: true, ..prompt("What is a move?") });
    assert!(unsearched.contains("cannot search"), "{unsearched}");
}

#[tokio::test]
async fn it_streams_in_small_chunks() {
    let prompt = prompt("What is a move?");
    let chunks: Vec<_> = OfflineTutor.answer(&prompt).await.unwrap().collect().await;
    assert!(chunks.len() > 10);
    let text: String = chunks
        .into_iter()
        .map(|chunk| match chunk {
            Ok(Chunk::Text(text)) => text,
            other => panic!("not a text: {other:?}"),
        })
        .collect();
    assert_eq!(text, compose(&prompt));
}
