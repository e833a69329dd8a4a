//! `book.toml`, as far as a course needs it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::files::{MAX_PAGE_BYTES, Refusal, Root, normal};
use super::report::ImportError;
use crate::domain::course::UnlockPolicy;

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) title: Option<String>,
    pub(crate) description: String,
    /// Relative to the book's directory; where SUMMARY.md is.
    pub(crate) src: PathBuf,
    /// Whether `$` and `\\(` mean formulas. They do not in an ordinary book: a page on shell
    /// variables or macros is full of dollar signs.
    pub(crate) math: bool,
    pub(crate) slug: Option<String>,
    pub(crate) unlock: Option<UnlockPolicy>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BookToml {
    book: BookTable,
    output: OutputTable,
    preprocessor: BTreeMap<String, toml::Value>,
    intellistack: OurTable,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BookTable {
    title: Option<String>,
    description: Option<String>,
    src: Option<PathBuf>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OutputTable {
    html: HtmlTable,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct HtmlTable {
    mathjax_support: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct OurTable {
    slug: Option<String>,
    unlock: Option<UnlockPolicy>,
    math: Option<bool>,
}

/// Preprocessors that make formulas of dollar signs.
const MATH_PREPROCESSORS: [&str; 3] = ["katex", "mathjax", "mathpunc"];

impl Manifest {
    pub(crate) fn read(root: &Root) -> Result<Self, ImportError> {
        match root.text(Path::new("book.toml"), MAX_PAGE_BYTES) {
            Ok(text) => Self::parse(&text),
            Err(Refusal::Missing) => {
                let src = if root.dir().join("src/SUMMARY.md").is_file() { "src" } else { "" };
                Ok(Self { src: PathBuf::from(src), ..Self::default() })
            }
            Err(refusal) => Err(ImportError::Manifest { line: None, detail: refusal.to_string() }),
        }
    }

    fn parse(text: &str) -> Result<Self, ImportError> {
        let BookToml { book, output, preprocessor, intellistack } =
            toml::from_str(text).map_err(|error| ImportError::Manifest {
                line: error.span().map(|span| line_at(text, span.start)),
                detail: error.message().to_owned(),
            })?;
        let src = book.src.unwrap_or_else(|| PathBuf::from("src"));
        let src = normal(&src).ok_or_else(|| ImportError::Manifest {
            line: None,
            detail: format!("src {} lies outside of the book", src.display()),
        })?;
        let preprocessed = MATH_PREPROCESSORS.iter().any(|name| preprocessor.contains_key(*name));
        Ok(Self {
            title: book.title.map(|title| title.trim().to_owned()).filter(|title| !title.is_empty()),
            description: book.description.unwrap_or_default().trim().to_owned(),
            src,
            math: intellistack.math.unwrap_or(output.html.mathjax_support || preprocessed),
            slug: intellistack.slug,
            unlock: intellistack.unlock,
        })
    }
}

/// From 1.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_says_what_it_must_and_the_rest_is_let_be() {
        let manifest = Manifest::parse(
            "[book]\ntitle = ' T '\nauthors = ['A']\nsrc = './text'\n[build]\nx = 1\n[output.html]\nmathjax-support = true\n[output.linkcheck]\n[intellistack]\nunlock = 'open'",
        )
        .unwrap();
        assert_eq!(manifest.title.as_deref(), Some("T"));
        assert_eq!(manifest.src, Path::new("text"));
        assert_eq!((manifest.math, manifest.unlock), (true, Some(UnlockPolicy::Open)));
    }

    #[test]
    fn dollars_are_maths_only_where_the_book_says_so() {
        let math = |text| Manifest::parse(text).unwrap().math;
        assert!(!math(""));
        assert!(!math("[output.html]\ndefault-theme = 'rust'"));
        assert!(math("[preprocessor.katex]\nafter = ['links']"));
        assert!(math("[intellistack]\nmath = true"));
        assert!(!math("[output.html]\nmathjax-support = true\n[intellistack]\nmath = false"));
    }

    #[test]
    fn a_broken_manifest_is_told_by_its_line() {
        let error = Manifest::parse("[book]\ntitle = \n").unwrap_err();
        assert!(matches!(error, ImportError::Manifest { line: Some(2), .. }), "{error:?}");
        let error = Manifest::parse("[book]\nsrc = '../elsewhere'").unwrap_err();
        assert!(error.to_string().contains("outside"), "{error}");
        assert!(Manifest::parse("[intellistack]\nunlok = 'open'").is_err());
    }
}
