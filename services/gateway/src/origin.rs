mod pattern;

use axum::http::{HeaderMap, header};
use url::Url;

use pattern::Pattern;

/// Longer redirect targets are refused; the longest honest one is a page of ours with a query.
const MAX_TARGET: usize = 2048;

/// The origins whose pages may call us with cookies, and to which we may redirect.
#[derive(Debug)]
pub struct TrustedOrigins(Vec<Pattern>);

impl TrustedOrigins {
    /// `further`: origins, origins or hosts with the wildcards `*` and `?`, and custom schemes of
    /// applications (`myapp://`). What is none of these or would trust everyone is left out.
    pub fn new(own: &str, further: &[String]) -> Self {
        let further = further.iter().map(|entry| entry.trim()).filter_map(|entry| {
            let pattern = Pattern::parse(entry);
            if pattern.is_none() {
                tracing::warn!(entry, "TRUSTED_ORIGINS holds something that cannot be trusted: ignored");
            }
            pattern
        });
        Self(std::iter::once(Pattern::Exact(own.to_owned())).chain(further).collect())
    }

    /// Is this the origin of a page that we trust?
    pub fn contains(&self, origin: &str) -> bool {
        // An `Origin` header is an origin and nothing more (RFC 6454, section 7).
        let plain = Url::parse(origin).is_ok_and(|url| {
            let is_web = matches!(url.scheme(), "http" | "https");
            !is_web || url.origin().ascii_serialization() == origin
        });
        plain && self.matches(origin)
    }

    /// Judges `Origin`, else the origin of `Referer`. Absent and `null` are not trusted, except
    /// `null` on a request that the browser itself calls same-origin.
    pub fn allows_headers(&self, headers: &HeaderMap) -> bool {
        let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        match text(header::ORIGIN) {
            Some("null") => headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin"),
            Some(origin) => self.contains(origin),
            None => text(header::REFERER)
                .and_then(|referer| Url::parse(referer).ok())
                .is_some_and(|referer| self.contains(&referer.origin().ascii_serialization())),
        }
    }

    /// May a redirect lead to `target`? Absolute URLs by their origin; relative ones must be a
    /// plain path that no browser reads as another host.
    pub fn allows_redirect(&self, target: &str) -> bool {
        let unclear = |c: char| c.is_control() || c == '\\';
        // A browser drops the space at the end, but not before a parameter that is added.
        if target.len() > MAX_TARGET || target.trim() != target || target.chars().any(unclear) {
            return false;
        }
        if target.starts_with('/') { is_plain_path(target) } else { self.matches(target) }
    }

    fn matches(&self, target: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(target))
    }
}

fn is_plain_path(target: &str) -> bool {
    let path = target.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    // Once dots are resolved, too, no program that takes the path for an address may leave.
    let stays = |base: Url| {
        base.join(target).is_ok_and(|url| url.origin() == base.origin() && !url.path().starts_with("//"))
    };
    !path.starts_with("//")
        && !path.contains("%2f")
        && !path.contains("%5c")
        && Url::parse("https://ours.invalid").is_ok_and(stays)
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use super::*;

    fn origins() -> TrustedOrigins {
        let further = [
            "https://app.school.example:8443/",
            "https://*.pages.example",
            "preview-?.host.example",
            "http://192.168.*.*:*",
            "tutor://",
            "exp://school/callback",
        ];
        TrustedOrigins::new("https://school.example", &further.map(str::to_owned))
    }

    #[test]
    fn redirects_stay_on_trusted_origins() {
        let origins = origins();
        for good in [
            "/",
            "/verified",
            "/a?next=//x",
            "/a?next=%2F%2Fx#/%2f",
            "https://school.example/x",
            "https://school.example:443/x",
            "HTTPS://School.Example/x",
            "https://app.school.example:8443",
            "https://a.pages.example/x?y",
            "https://a.b.pages.example",
            "https://preview-7.host.example/",
            "http://192.168.1.7:3000/",
            "tutor://open/lesson?x=1",
            "TUTOR://open",
            "exp://school/callback",
            "exp://school/callback/done?x=1",
        ] {
            assert!(origins.allows_redirect(good), "{good}");
        }
    }

    #[test]
    fn no_trick_of_an_address_leads_elsewhere() {
        let origins = origins();
        for bad in [
            "",
            " ",
            "verified",
            "?x=1",
            "#x",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\\/evil.example",
            "/%2fevil.example",
            "/%2F%2e%2e/evil",
            "/x/%2f%2e",
            "/.//evil.example",
            "/x/..//evil.example",
            "/%2e%2E//evil.example",
            "/%5Cevil",
            "/\tevil",
            "\t//evil.example",
            "/\n/evil.example",
            "/a\r\nSet-Cookie: x=1",
            "/\u{85}evil",
            "/\0",
            "https://school.example ",
            "https://evil.example",
            "https://evil-school.example",
            "https://school.example.evil.example",
            "https://school.example@evil.example",
            "https://school.example%40evil.example",
            "https://x:y@school.example/",
            "https://x@school.example/",
            "https://school.example\\@evil.example",
            "https:school.example",
            "https:\\\\evil.example",
            "https://school.example./",
            "https://sch\u{43e}ol.example/",
            "http://school.example/",
            "https://school.example:444/",
            "https://app.school.example/",
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "java\tscript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "blob:https://school.example/x",
            "file:///etc/passwd",
            "https://pages.example",
            "https://.pages.example",
            "https://evilpages.example",
            "https://evil-pages.example",
            "http://a.pages.example",
            "https://a.pages.example.evil.example",
            "https://evil.example/.pages.example",
            "https://evil.example#.pages.example",
            "https://evil.example?.pages.example",
            "https://u@a.pages.example",
            "https://preview-77.host.example/",
            "http://192.168.evil.example:80/",
            "http://192.168.1.7.evil.example:80/",
            "exp://school/callbacks",
            "exp://school/callback/../evil",
            "exp://school/callback/%2e%2e/evil",
            "exp://school/evil/..%2fcallback",
            "exp://school/callback%2F..%2Fevil",
            "exp://school/callback%5c..",
            "exp://evil/callback",
            "tutor://open:https://evil.example",
            "exp://school@evil/callback",
            "exps://school/callback",
        ] {
            assert!(!origins.allows_redirect(bad), "{bad}");
        }
        assert!(!origins.allows_redirect(&format!("/{}", "a".repeat(MAX_TARGET))));
    }

    #[test]
    fn the_origin_header_decides_and_the_referer_stands_in_for_it() {
        let origins = origins();
        let headers = |pairs: &[(&'static str, &'static str)]| {
            pairs
                .iter()
                .map(|(name, value)| {
                    (header::HeaderName::from_static(name), header::HeaderValue::from_static(value))
                })
                .collect::<HeaderMap>()
        };
        for good in [
            &[("origin", "https://school.example")][..],
            &[("origin", "https://a.pages.example")],
            &[("origin", "tutor://")],
            &[("referer", "https://school.example/x?y")],
            &[("origin", "null"), ("sec-fetch-site", "same-origin")],
        ] {
            assert!(origins.allows_headers(&headers(good)), "{good:?}");
        }
        for bad in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "null"), ("sec-fetch-site", "cross-site")],
            &[("origin", "null"), ("referer", "https://school.example/")],
            &[("origin", "")],
            &[("origin", "/")],
            &[("origin", "https://evil.example"), ("referer", "https://school.example/")],
            &[("origin", "https://school.example.evil.example")],
            &[("origin", "https://school.example/")],
            &[("origin", "https://x@school.example")],
            &[("origin", "HTTPS://SCHOOL.EXAMPLE")],
            &[("origin", "http://school.example")],
            &[("origin", "https://school.example:444")],
            &[("referer", "not a url")],
        ] {
            assert!(!origins.allows_headers(&headers(bad)), "{bad:?}");
        }
    }

    #[test]
    fn a_setting_that_would_trust_everyone_is_left_out() {
        for entry in [
            "",
            "*",
            "https://*",
            "*://*",
            "*.*",
            "*.com*",
            "https://school.*",
            "https://school.example.*",
            "*school.example",
            "https://*school.example",
            "javascript://",
            "javascript:",
            "data:",
            "file:///x",
            "blob:",
            "http:",
            "https://",
            "https://x@school.example",
            "https://a.example,https://b.example",
        ] {
            assert!(Pattern::parse(entry).is_none(), "{entry}");
        }
    }
}
