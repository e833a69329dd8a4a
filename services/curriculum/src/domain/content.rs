use serde::Serialize;
use sha2::{Digest, Sha256};

use super::course::UnlockPolicy;

/// A course as it would be published: what an import makes of a book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Content {
    pub(crate) slug: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) unlock: UnlockPolicy,
    /// Titles in order; the first stage has ordinal 1.
    pub(crate) stages: Vec<String>,
    pub(crate) lessons: Vec<Lesson>,
    pub(crate) assets: Vec<Asset>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Lesson {
    pub(crate) slug: String,
    pub(crate) title: String,
    pub(crate) number: Option<String>,
    pub(crate) stage: u32,
    pub(crate) html: String,
    pub(crate) headings: Vec<Heading>,
    pub(crate) exercises: Vec<Exercise>,
    pub(crate) passages: Vec<Passage>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub(crate) struct Heading {
    pub(crate) level: u32,
    pub(crate) text: String,
    pub(crate) anchor: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Exercise {
    pub(crate) id: String,
    pub(crate) title: String,
    /// Markdown.
    pub(crate) prompt: String,
    pub(crate) prompt_html: String,
    pub(crate) expected_points: Vec<String>,
    pub(crate) answer_key: String,
    pub(crate) answer_forms: Vec<String>,
}

/// The part of an exercise that students see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub(crate) struct PublicExercise {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) prompt_html: String,
    pub(crate) expected_points: Vec<String>,
}

impl From<&Exercise> for PublicExercise {
    fn from(exercise: &Exercise) -> Self {
        Self {
            id: exercise.id.clone(),
            title: exercise.title.clone(),
            prompt_html: exercise.prompt_html.clone(),
            expected_points: exercise.expected_points.clone(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Passage {
    pub(crate) id: String,
    /// Empty for what stands before a page's first heading.
    pub(crate) anchor: String,
    /// Course, stage, lesson, heading, sub-heading.
    pub(crate) breadcrumb: Vec<String>,
    /// Markdown.
    pub(crate) text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Asset {
    pub(crate) path: String,
    pub(crate) content_type: String,
    pub(crate) etag: String,
    /// Stands for itself in the version by its `etag`.
    #[serde(skip)]
    pub(crate) body: Vec<u8>,
}

impl Asset {
    pub(crate) fn new(path: String, content_type: String, body: Vec<u8>) -> Self {
        Self { path, content_type, etag: hex::encode(Sha256::digest(&body)), body }
    }
}

impl Content {
    /// SHA-256 over everything that a reader or the tutor gets to see: the same book imported by a
    /// build that renders it in another way is another version.
    pub(crate) fn version(&self) -> String {
        // Texts, numbers and lists of them: it cannot fail.
        let canonical = serde_json::to_vec(self).unwrap_or_default();
        hex::encode(Sha256::digest(&canonical))
    }

    pub(crate) fn exercises(&self) -> usize {
        self.lessons.iter().map(|lesson| lesson.exercises.len()).sum()
    }

    pub(crate) fn passages(&self) -> usize {
        self.lessons.iter().map(|lesson| lesson.passages.len()).sum()
    }
}
