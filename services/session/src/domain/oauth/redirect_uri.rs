//! Where answers may be sent.

use url::{Host, Url};

use super::client::ApplicationType;

/// Schemes that browsers act on by themselves.
const FORBIDDEN: [&str; 12] = [
    "javascript",
    "data",
    "vbscript",
    "file",
    "blob",
    "about",
    "ftp",
    "ws",
    "wss",
    "mailto",
    "tel",
    "intent",
];
const MAX: usize = 2048;

/// May a client register this address (RFC 6749, section 3.1.2; RFC 8252, section 7; RFC 9700,
/// section 2.1)?
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check(text: &str, application: ApplicationType) -> Result<(), &'static str> {
    if text.len() > MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains('\\') {
        return Err("is too long or holds characters that no address has");
    }
    let url = Url::parse(text).map_err(|_| "is no absolute address")?;
    if url.fragment().is_some() {
        return Err("holds a fragment");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name");
    }
    if text.contains('*') {
        return Err("holds a wildcard");
    }
    match (url.scheme(), application) {
        ("https", _) if url.host().is_some() => Ok(()),
        ("http", _) if is_loopback(&url) => Ok(()),
        ("http", _) => Err("is plain http and not of this machine"),
        (scheme, _) if FORBIDDEN.contains(&scheme) => Err("has a scheme that is not for this"),
        // RFC 8252, section 7.1: a domain name of the author's, in reverse.
        (scheme, ApplicationType::Native) if scheme.contains('.') => Ok(()),
        (_, ApplicationType::Native) => Err("has a scheme that is no domain name in reverse"),
        (_, ApplicationType::Web) => Err("is no https address"),
    }
}

/// Is the given address a registered one? By simple comparison of the text (RFC 9700, section
/// 4.1.3); of native applications the port of a loopback address is free (RFC 8252, section 7.3).
pub(crate) fn matches(registered: &str, given: &str, application: ApplicationType) -> bool {
    if registered == given {
        return true;
    }
    if application != ApplicationType::Native {
        return false;
    }
    let (Some((known, known_port)), Some((asked, asked_port))) =
        (without_port(registered), without_port(given))
    else {
        return false;
    };
    known == asked && known_port.is_none_or(is_port) && asked_port.is_none_or(is_port)
}

/// `http` on an address of this machine, not on a name that somebody may have taken over.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// The text without its port, which stands behind one of the two literal addresses.
fn without_port(text: &str) -> Option<(String, Option<&str>)> {
    for host in ["http://127.0.0.1", "http://[::1]"] {
        let Some(rest) = text.strip_prefix(host) else { continue };
        let (port, path) = match rest.strip_prefix(':') {
            Some(rest) => {
                let end = rest.find(['/', '?']).unwrap_or(rest.len());
                (Some(&rest[..end]), &rest[end..])
            }
            None => (None, rest),
        };
        if !path.is_empty() && !path.starts_with(['/', '?']) {
            return None;
        }
        return Some((format!("{host}{path}"), port));
    }
    None
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_registered() {
        use ApplicationType::{Native, Web};
        for (text, application, allowed) in [
            ("https://lms.example/cb", Web, true),
            ("https://lms.example/cb?tenant=1", Web, true),
            ("http://127.0.0.1/cb", Native, true),
            ("http://localhost:3000/cb", Web, true),
            ("com.example.app:/cb", Native, true),
            ("com.example.app:/cb", Web, false),
            ("http://lms.example/cb", Web, false),
            ("https://lms.example/cb#x", Web, false),
            ("https://*.example/cb", Web, false),
            ("https://user@lms.example/cb", Web, false),
            ("https://lms.example\\@evil.example/", Web, false),
            ("javascript:alert(1)", Native, false),
            ("myapp:/cb", Native, false),
            ("/cb", Web, false),
            ("data:text/html,x", Native, false),
            ("https://lms.example/c b", Web, false),
        ] {
            assert_eq!(check(text, application).is_ok(), allowed, "{text}");
        }
    }

    #[test]
    fn a_native_applications_loopback_port_is_free_and_nothing_else() {
        use ApplicationType::{Native, Web};
        let known = "http://127.0.0.1/cb";
        for (given, expected) in [
            ("http://127.0.0.1/cb", true),
            ("http://127.0.0.1:49152/cb", true),
            ("http://127.0.0.1:49152/cb/", false),
            ("http://127.0.0.1:49152/cb?x=1", false),
            ("http://127.0.0.1:70000/cb", false),
            ("http://127.0.0.1:/cb", false),
            ("http://127.0.0.1:80@evil.example/cb", false),
            ("http://127.0.0.1.evil.example/cb", false),
            ("http://localhost:49152/cb", false),
            ("https://127.0.0.1:49152/cb", false),
        ] {
            assert_eq!(matches(known, given, Native), expected, "{given}");
        }
        assert!(!matches(known, "http://127.0.0.1:49152/cb", Web));
        assert!(matches("http://[::1]:1/cb", "http://[::1]:2/cb", Native));
        assert!(!matches("https://a.example/cb", "https://a.example:8443/cb", Native));
        assert!(!matches("http://localhost:1/cb", "http://localhost:2/cb", Native));
    }
}
