//! Whatever address a client asks to be sent to, a browser ends up at one of ours or stays.

use ::fuzz::{check, near, product};
use percent_encoding::percent_decode_str;
use url::Host;

use super::*;
use crate::better_auth::redirect;

const OWN: &str = "https://school.example";
const FURTHER: [&str; 7] = [
    "https://app.school.example:8443/",
    "https://*.pages.example",
    "preview-?.host.example",
    "localhost:*",
    "http://192.168.*.*:*",
    "tutor://",
    "exp://school/callback",
];
const SEEDS: [&str; 14] = [
    "/",
    "/verified?next=/a#b",
    "/a/../b/./c",
    "https://school.example/x",
    "https://school.example",
    "https://school.example:443/x?y#z",
    "https://app.school.example:8443/x",
    "https://a.pages.example/x?y",
    "https://preview-7.host.example/",
    "http://192.168.1.7:3000/",
    "http://localhost:5173/x",
    "tutor://open/lesson?x=1",
    "exp://school/callback/done?x=1",
    "//evil.example/.pages.example",
];
const WORDS: &[&str] = &[
    "/",
    "//",
    "\\",
    "/\\",
    "\t",
    "\n",
    "\r",
    "\0",
    " ",
    "\u{85}",
    "\u{a0}",
    "\u{2028}",
    "\u{200b}",
    "\u{ad}",
    "\u{feff}",
    "\u{ff0f}",
    "\u{ff3c}",
    "\u{ff20}",
    "\u{ff0e}",
    "\u{3002}",
    "\u{2044}",
    "\u{1f512}",
    "%2f",
    "%2F",
    "%5c",
    "%5C",
    "%09",
    "%0a",
    "%0d",
    "%00",
    "%20",
    "%2e",
    "%2e%2e",
    "%252f",
    "%40",
    "%3a",
    "%",
    "..",
    "../",
    "/..",
    "/.",
    ".",
    "@",
    ":",
    "::",
    ":80",
    ":443",
    ":0",
    "?",
    "#",
    "&",
    ";",
    "*",
    "[",
    "]",
    "[::1]",
    "x:y@",
    "user@",
    "evil.example",
    ".evil.example",
    "evil",
    "school.example",
    ".school.example",
    "pages.example",
    ".pages.example",
    "localhost",
    "127.0.0.1",
    "2130706433",
    "0x7f.1",
    "192.168.1.7",
    "192.168.1",
    "192.168.",
    "http",
    "https",
    "http:",
    "https:",
    "http://",
    "https://",
    "HTTPS://",
    "tutor:",
    "tutor://",
    "exp://",
    "exp://school/callback",
    "callback",
    "javascript:",
    "data:text/html,",
    "file:///",
    "blob:https://school.example/",
    "xn--",
    "xn--school-xyz.example",
];

/// Addresses of every shape, most of them bad.
fn shapes() -> Vec<String> {
    let starts = [
        "https://",
        "http://",
        "HTTPS://",
        "tutor://",
        "exp://",
        "//",
        "https:",
        "http:/",
        "tutor:",
        "https:\\\\",
        "https:///",
        "javascript://",
    ];
    let users = ["", "x:y@", "evil.example@", "school.example%40"];
    let hosts = [
        "school.example",
        "app.school.example:8443",
        "a.pages.example",
        "preview-7.host.example",
        "192.168.1.7:3000",
        "localhost:5173",
        "school",
        "evil.example",
        "pages.example",
        "school.example.evil.example",
        "192.168.evil.example:80",
        "evil.example\\.pages.example",
    ];
    let paths =
        ["", "/", "/callback", "/callback/../x?y", "/%2f%2e", "@evil.example", "?.pages.example", " "];
    product(&[&starts, &users, &hosts, &paths])
}

/// As many good ones.
fn seeds() -> Vec<String> {
    let shapes = shapes();
    let good = SEEDS.into_iter().cycle().take(shapes.len()).map(str::to_owned);
    good.chain(shapes.clone()).collect()
}

/// Who may be reached, said without patterns.
fn is_ours(url: &Url) -> bool {
    let port = url.port();
    match (url.scheme(), url.host()) {
        ("https", Some(Host::Domain("school.example"))) => port.is_none(),
        ("https", Some(Host::Domain("app.school.example"))) => port == Some(8443),
        ("http" | "https", Some(Host::Domain("localhost"))) => port.is_some(),
        ("http", Some(Host::Ipv4(ip))) => ip.octets().starts_with(&[192, 168]) && port.is_some(),
        ("http" | "https", Some(Host::Domain(host))) => {
            let preview = host.strip_prefix("preview-").and_then(|rest| rest.strip_suffix(".host.example"));
            let is_preview = preview.is_some_and(|it| it.len() == 1);
            let is_page = host.len() > ".pages.example".len() && host.ends_with(".pages.example");
            port.is_none() && (is_preview || is_page && url.scheme() == "https")
        }
        ("tutor", _) => true,
        ("exp", Some(Host::Domain(host))) => {
            let mut path = url.path().split('/').filter(|part| !part.is_empty());
            let first = path.next().map(|part| percent_decode_str(part).decode_utf8_lossy());
            host.eq_ignore_ascii_case("school") && port.is_none() && first.as_deref() == Some("callback")
        }
        _ => false,
    }
}

/// Where a browser on a page of ours goes.
fn go(target: &str) -> Option<Url> {
    Url::parse(OWN).unwrap().join(target).ok()
}

fn judge_redirect(origins: &TrustedOrigins, target: &str) {
    if !origins.allows_redirect(target) {
        return;
    }
    let url = go(target).expect("an address");
    assert!(is_ours(&url), "leads to {url}");
    assert!(url.username().is_empty() && url.password().is_none(), "credentials in {url}");
    // What is sent is printable and has a parameter more.
    let answer = redirect::to(&redirect::with_params(target, &[("error", "INVALID_TOKEN")]));
    let told = answer.headers()[header::LOCATION].to_str().unwrap();
    let sent_to = go(told).expect("an address is sent");
    assert!(is_ours(&sent_to), "sent as {told}");
    assert_eq!((sent_to.scheme(), sent_to.host()), (url.scheme(), url.host()), "sent as {told}");
}

fn judge_page(origins: &TrustedOrigins, page: &str) {
    if origins.contains(page) {
        assert!(Url::parse(page).is_ok_and(|url| is_ours(&url)), "{page}");
    }
    let Ok(value) = header::HeaderValue::from_str(page) else { return };
    if origins.allows_headers(&HeaderMap::from_iter([(header::REFERER, value)])) {
        let origin = Url::parse(page).unwrap().origin().ascii_serialization();
        assert!(Url::parse(&origin).is_ok_and(|url| is_ours(&url)), "{page}");
    }
}

#[test]
fn a_redirect_leads_to_one_of_ours() {
    let origins = TrustedOrigins::new(OWN, &FURTHER.map(str::to_owned));
    for target in shapes() {
        judge_redirect(&origins, &target);
    }
    check!()
        .with_iterations(10_000)
        .with_generator(near(seeds(), WORDS).text())
        .for_each(|target| judge_redirect(&origins, target));
}

#[test]
fn a_page_that_may_call_with_cookies_is_one_of_ours() {
    let origins = TrustedOrigins::new(OWN, &FURTHER.map(str::to_owned));
    for page in shapes() {
        judge_page(&origins, &page);
    }
    check!()
        .with_iterations(4_000)
        .with_generator(near(seeds(), WORDS).text())
        .for_each(|page| judge_page(&origins, page));
}

#[test]
fn no_setting_trusts_a_stranger() {
    let entries = ["*.school.example", "https://*.school.example:*", "*:443", "*.*", "https://*", "*.8.8.8"];
    let seeds = FURTHER.into_iter().chain(SEEDS).chain(entries);
    check!().with_iterations(10_000).with_generator(near(seeds, WORDS).text()).for_each(|entry| {
        let Some(pattern) = Pattern::parse(entry) else { return };
        for stranger in ["https://stranger.invalid", "http://stranger.invalid:8080", "javascript:alert(1)"] {
            assert!(!pattern.matches(stranger), "{pattern:?} matches {stranger}");
        }
    });
}
