use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};

use super::input::Query;

const CSP: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const MAX_CODE: usize = 64;
/// Providers' descriptions are a sentence or two.
const MAX_DESCRIPTION: usize = 300;

/// `GET /error`: where the browser is led when there is no better page to tell it.
pub async fn show(Query(query): Query) -> Response {
    let text = |name: &str| query.raw(name).and_then(serde_json::Value::as_str).unwrap_or_default();
    let page = render(text("error"), text("error_description"));
    let headers = [
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CSP)),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (headers, Html(page)).into_response()
}

fn render(code: &str, description: &str) -> String {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '\'');
    let odd = code.is_empty() || code.len() > MAX_CODE || !code.chars().all(known);
    let code = escape(if odd { "UNKNOWN" } else { code });
    let shown: String = description.chars().filter(|c| !c.is_control()).take(MAX_DESCRIPTION).collect();
    let told = if shown.is_empty() { String::new() } else { format!("<p>{}</p>", escape(&shown)) };
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Error</title></head>\
         <body><main><h1>Something went wrong</h1><p>Code: <code>{code}</code></p>{told}\
         <p><a href=\"/\">Go to the start page</a></p></main></body></html>"
    )
}

pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_told_becomes_markup() {
        let page = render("state_mismatch", "<script>alert('x')</script> & \"more\"");
        assert!(page.contains("<code>state_mismatch</code>"), "{page}");
        assert!(
            page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;more&quot;"),
            "{page}"
        );
        assert!(!page.contains("<script"), "{page}");
    }

    #[test]
    fn odd_codes_are_unknown() {
        for odd in ["", "<b>", "a b", "\u{e4}", "a;b", &"a".repeat(MAX_CODE + 1)] {
            assert!(render(odd, "").contains("<code>UNKNOWN</code>"), "{odd}");
        }
    }
}
