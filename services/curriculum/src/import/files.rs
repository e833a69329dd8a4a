//! Reading a book's files without ever leaving its directory.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

pub(crate) const MAX_PAGE_BYTES: u64 = 2 * 1024 * 1024;
pub(crate) const MAX_ASSET_BYTES: u64 = 10 * 1024 * 1024;

/// Why a file of the book is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("it lies outside of the book")]
    Outside,
    #[error("hidden files are not read")]
    Hidden,
    #[error("there is no such file")]
    Missing,
    #[error("it is larger than {} MiB", .0 / (1024 * 1024))]
    TooLarge(u64),
    #[error("it is not UTF-8 text")]
    NotUtf8,
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

/// The directory of a book. Paths given to it are relative to it.
#[derive(Debug)]
pub(crate) struct Root(PathBuf);

impl Root {
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        let dir = dir.canonicalize()?;
        if dir.is_dir() { Ok(Self(dir)) } else { Err(io::ErrorKind::NotADirectory.into()) }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.0
    }

    /// Text with Unix line ends and without a byte order mark.
    pub(crate) fn text(&self, path: &Path, limit: u64) -> Result<String, Refusal> {
        let text = String::from_utf8(self.bytes(path, limit)?).map_err(|_| Refusal::NotUtf8)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        // NUL is the one character that Postgres does not take.
        Ok(text.replace("\r\n", "\n").replace('\0', "\u{fffd}"))
    }

    pub(crate) fn bytes(&self, path: &Path, limit: u64) -> Result<Vec<u8>, Refusal> {
        let path = self.locate(path)?;
        let unreadable = |error: io::Error| Refusal::Unreadable(error.to_string());
        let file = File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(limit + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
            return Err(Refusal::TooLarge(limit));
        }
        Ok(bytes)
    }

    /// Where the file really is. A symbolic link may lead to another file of the book, not out of it.
    fn locate(&self, path: &Path) -> Result<PathBuf, Refusal> {
        let inside = normal(path).ok_or(Refusal::Outside)?;
        check_visible(&inside)?;
        let real = self.0.join(inside).canonicalize().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Refusal::Missing,
            _ => Refusal::Unreadable(error.to_string()),
        })?;
        let relative = real.strip_prefix(&self.0).map_err(|_| Refusal::Outside)?;
        check_visible(relative)?;
        match fs::metadata(&real) {
            Ok(metadata) if metadata.is_file() => Ok(real),
            _ => Err(Refusal::Missing),
        }
    }
}

/// `.git/config` may hold a password.
fn check_visible(path: &Path) -> Result<(), Refusal> {
    let hidden = path.components().any(|part| part.as_os_str().as_encoded_bytes().starts_with(b"."));
    if hidden { Err(Refusal::Hidden) } else { Ok(()) }
}

/// The path without `.` and `..`; nothing where it leads out of where it starts.
pub(crate) fn normal(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => out.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !out.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(out)
}

/// A path relative to the file it is written in, as one relative to the book.
pub(crate) fn beside(file: &Path, relative: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(relative)
}

/// As people write it.
pub(crate) fn shown(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> (tempfile::TempDir, Root) {
        let outer = tempfile::tempdir().unwrap();
        fs::write(outer.path().join("secret.txt"), "secret").unwrap();
        let dir = outer.path().join("book");
        fs::create_dir_all(dir.join("src/.git")).unwrap();
        fs::write(dir.join("src/a.md"), "\u{feff}one\r\ntwo").unwrap();
        fs::write(dir.join("src/.git/config"), "password").unwrap();
        fs::write(dir.join("src/latin.md"), b"caf\xe9").unwrap();
        let root = Root::open(&dir).unwrap();
        (outer, root)
    }

    #[test]
    fn nothing_outside_of_the_book_is_read() {
        let (outer, root) = book();
        let secret = outer.path().join("secret.txt");
        let read = |path: &str| root.text(Path::new(path), 100);
        assert_eq!(read("src/../../secret.txt"), Err(Refusal::Outside));
        assert_eq!(read(secret.to_str().unwrap()), Err(Refusal::Outside));
        assert_eq!(read("src/.git/config"), Err(Refusal::Hidden));
        assert_eq!(read("src"), Err(Refusal::Missing));
        assert_eq!(read("src/a.md/b"), Err(Refusal::Missing));
        #[cfg(unix)]
        {
            use std::os::unix::fs::symlink;
            symlink(&secret, root.dir().join("src/link.md")).unwrap();
            symlink(outer.path(), root.dir().join("src/out")).unwrap();
            symlink(root.dir().join("src/.git"), root.dir().join("src/visible")).unwrap();
            symlink(root.dir().join("src/a.md"), root.dir().join("src/same.md")).unwrap();
            assert_eq!(read("src/link.md"), Err(Refusal::Outside));
            assert_eq!(read("src/out/secret.txt"), Err(Refusal::Outside));
            assert_eq!(read("src/visible/config"), Err(Refusal::Hidden));
            assert_eq!(read("src/same.md").as_deref(), Ok("one\ntwo"));
        }
    }

    #[test]
    fn text_has_unix_line_ends_no_mark_and_a_limit() {
        let (_outer, root) = book();
        let read = |path: &str, limit| root.text(Path::new(path), limit);
        assert_eq!(read("src/a.md", 100).as_deref(), Ok("one\ntwo"));
        assert_eq!(read("src/a.md", 10), Err(Refusal::TooLarge(10)));
        assert_eq!(read("src/a.md", 11).as_deref(), Ok("one\ntwo"));
        assert_eq!(read("src/latin.md", 100), Err(Refusal::NotUtf8));
    }
}
