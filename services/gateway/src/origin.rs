use axum::http::{HeaderMap, header};
use url::Url;

/// The origins whose pages may call us with cookies, and to which we may redirect.
#[derive(Debug)]
pub struct TrustedOrigins(Vec<String>);

impl TrustedOrigins {
    pub fn new(own: &str, further: &[String]) -> Self {
        let further = further.iter().filter_map(|origin| {
            let parsed = Url::parse(origin).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
            if parsed.is_none() {
                tracing::warn!(origin, "TRUSTED_ORIGINS holds something that is no http(s) origin: ignored");
            }
            parsed.map(|url| url.origin().ascii_serialization())
        });
        Self(std::iter::once(own.to_owned()).chain(further).collect())
    }

    pub fn contains(&self, origin: &str) -> bool {
        self.0.iter().any(|trusted| trusted == origin)
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
        if target.chars().any(|c| c.is_control() || c == '\\') {
            return false;
        }
        if let Some(rest) = target.strip_prefix('/') {
            let path = target.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
            return !rest.starts_with('/') && !path.contains("%2f") && !path.contains("%5c");
        }
        Url::parse(target).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.username().is_empty()
                && url.password().is_none()
                && self.contains(&url.origin().ascii_serialization())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins() -> TrustedOrigins {
        TrustedOrigins::new("https://school.example", &["https://app.school.example:8443/".to_owned()])
    }

    #[test]
    fn redirects_stay_on_trusted_origins() {
        let origins = origins();
        for good in
            ["/", "/verified", "/a?next=//x", "https://school.example/x", "https://app.school.example:8443"]
        {
            assert!(origins.allows_redirect(good), "{good}");
        }
        for bad in [
            "",
            "verified",
            "//evil.example",
            "/\\evil.example",
            "/%2fevil.example",
            "/%5Cevil",
            "/\tevil",
            "https://evil.example",
            "https://school.example.evil.example",
            "https://school.example@evil.example",
            "https://x:y@school.example/",
            "http://school.example/",
            "https://school.example:444/",
            "javascript:alert(1)",
            "https:\\\\evil.example",
            "/a\r\nSet-Cookie: x=1",
        ] {
            assert!(!origins.allows_redirect(bad), "{bad}");
        }
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
        assert!(origins.allows_headers(&headers(&[("origin", "https://school.example")])));
        assert!(origins.allows_headers(&headers(&[("referer", "https://school.example/x?y")])));
        assert!(origins.allows_headers(&headers(&[("origin", "null"), ("sec-fetch-site", "same-origin")])));
        for bad in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "https://evil.example"), ("referer", "https://school.example/")],
            &[("origin", "https://school.example.evil.example")],
            &[("referer", "not a url")],
        ] {
            assert!(!origins.allows_headers(&headers(bad)), "{bad:?}");
        }
    }
}
