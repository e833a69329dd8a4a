use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use url::Url;
use url::form_urlencoded::Serializer;

use super::error::AuthError;
use crate::state::App;

/// Beside letters outside of ASCII, which are always written as UTF-8.
const UNPRINTABLE: &AsciiSet = &CONTROLS.add(b' ');

/// 302 without a body. The page it leads to must not learn the token in our own address.
pub fn to(target: &str) -> Response {
    let headers = [
        (header::LOCATION, location(target)),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (StatusCode::FOUND, headers).into_response()
}

/// Whether a person looks at the answer: browsers ask for a page, programs take anything.
pub fn is_page_view(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
}

/// Adds a `Location` to an answer that is no redirect; its reader goes by the body.
pub fn hint(response: &mut Response, target: &str) {
    response.headers_mut().insert(header::LOCATION, location(target));
    let no_referrer = HeaderValue::from_static("no-referrer");
    response.headers_mut().insert(HeaderName::from_static("referrer-policy"), no_referrer);
}

fn location(target: &str) -> HeaderValue {
    let ascii = utf8_percent_encode(target, UNPRINTABLE).to_string();
    HeaderValue::try_from(ascii).unwrap_or(HeaderValue::from_static("/"))
}

/// Adds parameters to the query, before a fragment; empty values are left out.
pub fn with_params(target: &str, params: &[(&str, &str)]) -> String {
    let (page, fragment) =
        target.split_once('#').map_or((target, None), |(page, fragment)| (page, Some(fragment)));
    let mut query = Serializer::new(String::new());
    query.extend_pairs(params.iter().filter(|(_, value)| !value.is_empty()));
    let mark = if page.contains('?') { '&' } else { '?' };
    let tail = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    format!("{page}{mark}{}{tail}", query.finish())
}

/// The error page, or the page that was named for errors, told what went wrong.
pub fn to_error(app: &App, page: &str, code: &str, description: &str) -> Response {
    let own = format!("{}/error", app.issuer);
    let page = if !page.is_empty() && app.origins.allows_redirect(page) { page } else { &own };
    to(&with_params(page, &[("error", code), ("error_description", description)]))
}

/// `callback` made absolute on our origin, with one parameter set in its query.
pub fn absolute(app: &App, callback: &str, name: &str, value: &str) -> Result<String, AuthError> {
    let invalid = || AuthError::denied("INVALID_CALLBACK_URL", "Invalid callbackURL");
    let base = Url::parse(&app.public_origin).map_err(|_| invalid())?;
    let mut url = base.join(callback).map_err(|_| invalid())?;
    let kept: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(key, _)| key != name)
        .map(|(k, v)| (k.into_owned(), v.into_owned()))
        .collect();
    url.query_pairs_mut().clear().extend_pairs(kept).append_pair(name, value);
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_go_into_the_query_of_the_target() {
        let error = |target| with_params(target, &[("error", "INVALID_TOKEN"), ("error_description", "")]);
        assert_eq!(error("/verified"), "/verified?error=INVALID_TOKEN");
        assert_eq!(error("/v?a=b#c"), "/v?a=b&error=INVALID_TOKEN#c");
        assert_eq!(with_params("app://x", &[("error", "a&b=c d")]), "app://x?error=a%26b%3Dc+d");
    }

    #[test]
    fn a_location_is_printable_ascii() {
        assert_eq!(location("/a?b=c%20d#e"), "/a?b=c%20d#e");
        assert_eq!(location("/\u{fc}ber uns"), "/%C3%BCber%20uns");
        assert_eq!(location("/a\r\nSet-Cookie: x"), "/a%0D%0ASet-Cookie:%20x");
    }
}
