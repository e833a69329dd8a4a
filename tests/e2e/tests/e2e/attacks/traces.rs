//! Looking for what must not be there, in every spelling in which a program might have written it.

use std::collections::BTreeSet;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use intellistack_e2e::System;
use sqlx::AssertSqlSafe;

/// Shorter pieces are found by chance.
const MIN_PIECE: usize = 6;

/// Things to look for, each in several spellings.
#[derive(Clone)]
pub struct Needles {
    names: Vec<String>,
    /// Spellings by their first two bytes, so that one look at each place of a large file is enough.
    by_start: Vec<Vec<(usize, Vec<u8>)>>,
}

impl std::fmt::Debug for Needles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Needles").field(&self.names).finish()
    }
}

impl Default for Needles {
    fn default() -> Self {
        Self { names: Vec::new(), by_start: vec![Vec::new(); 1 << 16] }
    }
}

impl Needles {
    pub fn add(&mut self, what: &str, bytes: &[u8]) {
        assert!(bytes.len() >= MIN_PIECE, "{what} is too short to look for");
        let mut spellings =
            vec![bytes.to_vec(), hex(bytes).into_bytes(), hex(bytes).to_uppercase().into_bytes()];
        spellings.extend((0..3).flat_map(|skip| base64_inside(bytes, skip)));
        if let Ok(text) = std::str::from_utf8(bytes) {
            spellings.push(text.to_lowercase().into_bytes());
            spellings.push(text.to_uppercase().into_bytes());
            spellings.push(percent(text).into_bytes());
            spellings.push(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
        }
        for spelling in spellings.into_iter().filter(|spelling| spelling.len() >= MIN_PIECE) {
            self.by_start[start_of(&spelling)].push((self.names.len(), spelling));
        }
        self.names.push(what.to_owned());
    }

    pub fn text(mut self, what: &str, text: &str) -> Self {
        self.add(what, text.as_bytes());
        self
    }

    /// What of it is in there.
    pub fn found_in(&self, hay: &[u8]) -> Vec<&str> {
        let mut found = BTreeSet::new();
        for at in 0..hay.len().saturating_sub(1) {
            for (nth, spelling) in &self.by_start[start_of(&hay[at..])] {
                if hay[at..].starts_with(spelling) {
                    found.insert(self.names[*nth].as_str());
                }
            }
        }
        found.into_iter().collect()
    }
}

fn start_of(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

/// Its characters in any base64 text that has it `skip` bytes behind a multiple of three; those that
/// depend on its neighbours are left out.
fn base64_inside(bytes: &[u8], skip: usize) -> Vec<Vec<u8>> {
    let mut padded = vec![0; skip];
    padded.extend_from_slice(bytes);
    let first = (skip * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    let cut = |text: String| text.as_bytes()[first..last].to_vec();
    vec![cut(STANDARD_NO_PAD.encode(&padded)), cut(URL_SAFE_NO_PAD.encode(&padded))]
}

/// Every table that holds some of it, and what.
pub async fn in_tables(system: &System, needles: &Needles) -> Vec<String> {
    let pool = system.postgres.pool();
    let tables: Vec<(String, String)> = sqlx::query_as(
        "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')",
    )
    .fetch_all(&pool)
    .await
    .expect("the tables");
    assert!(tables.len() > 30, "all services' tables are seen");
    let mut found = Vec::new();
    for (schema, table) in tables {
        // Bytes as they are, too: a row as text has them in hexadecimal digits.
        let query = format!("select row_to_json(hay)::text from \"{schema}\".\"{table}\" as hay");
        let rows: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(&pool).await.expect("the rows");
        for row in rows {
            let seen = needles.found_in(row.as_bytes());
            if !seen.is_empty() {
                found.push(format!("{seen:?} in {schema}.{table}: {row:.400}"));
            }
        }
    }
    found
}

/// Every file of a folder that holds some of it, and what.
pub fn in_files(folder: &Path, needles: &Needles, skip: &dyn Fn(&Path) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder").filter_map(Result::ok) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // Files come and go under a running server.
            let Ok(bytes) = std::fs::read(&path) else { continue };
            if skip(&path) {
                continue;
            }
            files += 1;
            let seen = needles.found_in(&bytes);
            if !seen.is_empty() {
                found.push(format!("{seen:?} in {}", path.display()));
            }
        }
    }
    assert!(files > 0, "{} has files", folder.display());
    found
}

#[test]
fn every_spelling_of_a_needle_is_found_and_nothing_else() {
    let needles = Needles::default().text("an address", "Ada.L@school.example");
    for shift in 0..3 {
        let long = format!("{}Ada.L@school.example and more", "x".repeat(shift));
        for hay in [
            STANDARD_NO_PAD.encode(&long),
            URL_SAFE_NO_PAD.encode(&long),
            hex(long.as_bytes()),
            percent(&long),
            long,
        ] {
            assert_eq!(needles.found_in(hay.as_bytes()), ["an address"], "{hay}");
        }
    }
    assert_eq!(needles.found_in(b"ada.l@school.example"), ["an address"]);
    assert!(needles.found_in(b"ada.m@school.example Ada L school.example").is_empty());
}
