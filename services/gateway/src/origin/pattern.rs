use std::net::Ipv4Addr;

use percent_encoding::percent_decode_str;
use url::Url;

/// Schemes whose addresses are code or files, never an application of ours.
const NEVER: [&str; 7] = ["javascript", "data", "vbscript", "file", "blob", "about", "filesystem"];

/// One entry of TRUSTED_ORIGINS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// An http(s) origin.
    Exact(String),
    /// An http(s) origin with wildcards.
    Origin(String),
    /// A host, perhaps with a port, with wildcards; http or https.
    Host(String),
    /// The scheme of an application, and what its addresses begin with.
    App(AppUrl),
}

impl Pattern {
    pub fn parse(entry: &str) -> Option<Self> {
        if entry.contains(',') || entry.contains('@') || entry.chars().any(char::is_whitespace) {
            return None;
        }
        let wildcard = entry.contains(['*', '?']);
        let (scheme, rest) = match entry.split_once(':') {
            // `host:*` is a host with a port.
            Some((scheme, rest)) if !wildcard || rest.starts_with("//") => (scheme, rest),
            _ if wildcard && is_narrow(entry) => return Some(Self::Host(entry.to_ascii_lowercase())),
            _ => return None,
        };
        let scheme = scheme.to_ascii_lowercase();
        match scheme.as_str() {
            "http" | "https" if wildcard => {
                let host = rest.strip_prefix("//")?.trim_end_matches('/');
                is_narrow(host).then(|| Self::Origin(format!("{scheme}://{}", host.to_ascii_lowercase())))
            }
            "http" | "https" => {
                let url = Url::parse(entry).ok()?;
                Some(Self::Exact(url.origin().ascii_serialization()))
            }
            scheme if NEVER.contains(&scheme) || wildcard || !is_scheme(scheme) => None,
            _ if !rest.starts_with('/') => None,
            _ => AppUrl::parse(entry).map(Self::App),
        }
    }

    /// `target` is an absolute URL or an origin.
    pub fn matches(&self, target: &str) -> bool {
        match self {
            Self::App(pattern) => AppUrl::parse(target).is_some_and(|url| pattern.covers(&url)),
            web => web_origin(target).is_some_and(|(origin, host)| match web {
                Self::Exact(trusted) => *trusted == origin,
                Self::Origin(glob) => {
                    matches_glob(glob, &origin)
                        && fits_address(glob.split_once("://").map_or("", |it| it.1), &host)
                }
                Self::Host(glob) => matches_glob(glob, &host) && fits_address(glob, &host),
                Self::App(_) => false,
            }),
        }
    }
}

/// Origin and host (with a port that is not the scheme's own) of an http(s) URL without credentials
/// in it, written with its slashes.
fn web_origin(target: &str) -> Option<(String, String)> {
    let url = Url::parse(target).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https");
    let slashes = target.get(url.scheme().len()..).is_some_and(|rest| rest.starts_with("://"));
    if !is_web || !slashes || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    let origin = url.origin().ascii_serialization();
    let host = origin.split_once("://")?.1.to_owned();
    // A wildcard for a label stands for at least one character.
    (!host.split('.').any(str::is_empty)).then_some((origin, host))
}

/// A wildcard may stand for sub-domains, parts of a label, ports and numbers of an IPv4 address,
/// but not for the domain itself.
fn is_narrow(host_and_port: &str) -> bool {
    let host = host_and_port.split(':').next().unwrap_or_default();
    if host.contains(['/', '#', '[']) || !host.contains(|c: char| c.is_ascii_alphanumeric()) {
        return false;
    }
    if is_address_glob(host) {
        return true;
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    let whole_label = !host.starts_with(['*', '?']) || host.starts_with("*.");
    whole_label && !last.is_empty() && !last.contains(['*', '?'])
}

/// `192.168.*.*`: only digits, dots and wildcards.
fn is_address_glob(host: &str) -> bool {
    host.contains(|c: char| c.is_ascii_digit())
        && host.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '*' | '?'))
}

/// A pattern for addresses matches addresses only: `*` would reach over the dots of a name.
fn fits_address(glob: &str, host: &str) -> bool {
    let name = |text: &str| text.split(':').next().unwrap_or_default().to_owned();
    !is_address_glob(&name(glob)) || name(host).parse::<Ipv4Addr>().is_ok()
}

/// `*` is any run of characters, `?` one; neither is a slash.
fn matches_glob(glob: &str, text: &str) -> bool {
    let (glob, text) = (glob.as_bytes(), text.as_bytes());
    let (mut g, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        let is_plain = text[t] != b'/';
        match glob.get(g) {
            Some(b'*') => {
                star = Some((g, t));
                g += 1;
            }
            Some(b'?') if is_plain => (g, t) = (g + 1, t + 1),
            Some(wanted) if *wanted == text[t] => (g, t) = (g + 1, t + 1),
            _ => match star {
                Some((at, from)) if text[from] != b'/' => {
                    star = Some((at, from + 1));
                    (g, t) = (at + 1, from + 1);
                }
                _ => return false,
            },
        }
    }
    glob[g..].iter().all(|left| *left == b'*')
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// An address of an application: `scheme://authority/path`, read by plain string operations, for
/// URL parsers disagree on schemes they do not know. What one of them cannot read is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppUrl {
    scheme: String,
    authority: String,
    path: Vec<String>,
}

impl AppUrl {
    fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once(':')?;
        let scheme = scheme.to_ascii_lowercase();
        let readable = Url::parse(url).is_ok_and(|url| url.scheme() == scheme);
        if !readable || !is_scheme(&scheme) || matches!(scheme.as_str(), "http" | "https") {
            return None;
        }
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
            None => ("", rest),
        };
        if authority.contains('@') {
            return None;
        }
        Some(Self { scheme, authority: authority.to_ascii_lowercase(), path: segments(path)? })
    }

    fn covers(&self, url: &Self) -> bool {
        self.scheme == url.scheme
            && (self.authority.is_empty() || self.authority == url.authority)
            && url.path.starts_with(&self.path)
    }
}

/// The decoded parts of a path, with `.` and `..` resolved, so that a pinned path cannot be left.
/// An encoded slash parts a path for some readers and not for others: refused.
fn segments(path: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        let part = percent_decode_str(part).decode_utf8().ok()?;
        match &*part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part if part.contains(['/', '\\']) => return None,
            part => parts.push(part.to_owned()),
        }
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_matches_runs_and_a_question_mark_one_character() {
        for (glob, text, expected) in [
            ("*.x.com", "a.x.com", true),
            ("*.x.com", "x.com", false),
            ("*.x.com", "a.b.x.com", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a*", "a", true),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXcYb", false),
            ("https://*.x", "https://evil/.x", false),
            ("https://a?x", "https://a/x", false),
            ("*", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches_glob(glob, text), expected, "{glob} {text}");
        }
    }

    #[test]
    fn settings_are_read_as_what_they_are() {
        let kind = |entry: &str| match Pattern::parse(entry) {
            Some(Pattern::Exact(_)) => "exact",
            Some(Pattern::Origin(_)) => "origin",
            Some(Pattern::Host(_)) => "host",
            Some(Pattern::App(_)) => "app",
            None => "none",
        };
        assert_eq!(kind("http://localhost:5173"), "exact");
        assert_eq!(kind("http://localhost:*"), "origin");
        assert_eq!(kind("localhost:*"), "host");
        assert_eq!(kind("*.school.example"), "host");
        assert_eq!(kind("tutor://"), "app");
        assert_eq!(kind("com.school.tutor:/callback"), "app");
        assert_eq!(kind("school.example"), "none");
    }
}
