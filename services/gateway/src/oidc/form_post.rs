use aws_lc_rs::digest::{SHA256, digest};
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::error::no_store;
use crate::better_auth::escape;

const SCRIPT: &str = "document.forms[0].submit()";

/// A page that posts the answer to the client by itself (OAuth 2.0 Form Post Response Mode).
pub fn page(action: &str, parameters: &[(String, String)]) -> Response {
    let fields: String = parameters
        .iter()
        .map(|(name, value)| {
            format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", escape(name), escape(value))
        })
        .collect();
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Signing in</title></head><body>\
         <form method=\"post\" action=\"{}\">{fields}<noscript><button>Continue</button></noscript></form>\
         <script>{SCRIPT}</script></body></html>",
        escape(action)
    );
    let mut response = no_store(Html(html).into_response());
    // What is not there stays open: where the client's page leads on to is not ours to know.
    let script = STANDARD.encode(digest(&SHA256, SCRIPT.as_bytes()));
    let policy =
        format!("default-src 'none'; script-src 'sha256-{script}'; base-uri 'none'; frame-ancestors 'none'");
    if let Ok(value) = HeaderValue::try_from(policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, value);
    }
    let referrer = if Url::parse(action).is_ok() { "no-referrer" } else { "same-origin" };
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static(referrer));
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn nothing_of_the_request_becomes_markup() {
        let parameters = [("state".to_owned(), "\"><script>alert(1)</script>".to_owned())];
        let page = page("https://lms.example/cb?a=\"b", &parameters);
        let body = page.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(!text.contains("<script>alert"), "{text}");
        assert_eq!(text.matches("<script>").count(), 1);
        assert!(!text.contains("?a=\"b"));
    }
}
