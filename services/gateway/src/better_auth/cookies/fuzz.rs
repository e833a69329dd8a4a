//! Whatever a client sends as cookies, only what we signed is believed.

use percent_encoding::percent_decode_str;

use super::*;

const TOKEN: &str = "uCyDs60rKxMs1p9dvDHLngJwHpLCapLk";
const NAME: &str = "better-auth.session_token";
const WORDS: &[&str] = &[
    "better-auth.session_token",
    "__Secure-better-auth.session_token",
    "better-auth.known_device",
    "=",
    ";",
    "; ",
    ",",
    "\"",
    ".",
    "%",
    "%2E",
    "%3D",
    "%2f",
    "%00",
    "%25",
    "%ff",
    "+",
    " ",
    "\t",
    "\r\n",
    "\0",
    "\u{fc}",
    "Bearer ",
];

fn jar() -> CookieJar {
    CookieJar::new(&SecretString::from("k7Jx0Qm4Vt9Zr2Lp6Wc1Ns8Yb3Hd5Gf_peer-bench"), false, 7)
}

fn headers(name: HeaderName, value: &[u8]) -> HeaderMap {
    HeaderValue::from_bytes(value).into_iter().map(|value| (name.clone(), value)).collect()
}

/// The contract's form of a signed value, whatever is percent-encoded in it.
fn is_signed(jar: &CookieJar, sent: &str, value: &str) -> bool {
    percent_decode_str(sent).decode_utf8_lossy() == format!("{value}.{}", jar.signature(value))
}

#[test]
fn a_cookie_is_believed_only_as_it_was_signed() {
    let jar = jar();
    let signed = jar.sign(TOKEN);
    let seeds = [
        format!("{NAME}={signed}"),
        format!("theme=dark; {NAME}={signed}; lang=de"),
        format!("{NAME}={TOKEN}; {NAME}={signed}"),
        format!("{NAME}=\"{signed}\""),
        format!("better-auth.known_device={}", jar.sign("device")),
    ];
    ::fuzz::check!().with_iterations(4_000).with_generator(::fuzz::near(seeds, WORDS)).for_each(|line| {
        let headers = headers(header::COOKIE, line);
        let Some(value) = jar.session_token(&headers) else { return };
        assert!(["device", TOKEN].contains(&value.as_str()), "a value that was never signed: {value}");
        let line = std::str::from_utf8(line).unwrap();
        let mut values = line.split(';').filter_map(|pair| pair.trim().split_once('='));
        let sent = values.any(|(name, sent)| name.trim() == NAME && is_signed(&jar, sent.trim(), &value));
        assert!(sent, "no cookie of that name carries it");
    });
}

#[test]
fn a_bearer_that_looks_signed_must_be() {
    let jar = jar();
    let seeds = [format!("Bearer {}", jar.sign(TOKEN)), format!("Bearer {TOKEN}.{}", jar.signature(TOKEN))];
    ::fuzz::check!().with_iterations(4_000).with_generator(::fuzz::near(seeds, WORDS)).for_each(|value| {
        let headers = headers(header::AUTHORIZATION, value);
        let Some(token) = jar.session_token_or_bearer(&headers) else { return };
        let sent = std::str::from_utf8(value).unwrap().split_once(' ').unwrap().1.trim();
        assert!(token == sent || is_signed(&jar, sent, &token), "{token}");
        assert!(!token.contains(['.', '%']), "what looks signed is no bare token: {token}");
    });
}

#[test]
fn a_signed_value_with_any_byte_changed_is_refused() {
    let jar = jar();
    let signed = jar.sign(TOKEN);
    for at in 0..signed.len() {
        for other in 0..=u8::MAX {
            let mut bytes = signed.clone().into_bytes();
            bytes[at] = other;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let same = is_signed(&jar, &changed, TOKEN);
            assert_eq!(jar.verify(&changed).is_some(), same, "{changed}");
        }
    }
}

#[test]
fn whatever_is_set_is_read_again() {
    let seeds = [TOKEN, "", "a.b", "a=b; c", "%41", "\u{fc}\u{1f512}", "a\r\nSet-Cookie: b=c"];
    let jar = jar();
    let other = CookieJar::new(&SecretString::from("another secret of thirty-two bytes or more"), false, 7);
    let values = ::fuzz::near(seeds, WORDS).text();
    ::fuzz::check!().with_iterations(2_000).with_generator(values).for_each(|value| {
        let mut answer = HeaderMap::new();
        jar.set_state(&mut answer, value);
        let line = answer[header::SET_COOKIE].to_str().unwrap();
        let (pair, attributes) = line.split_once("; ").unwrap();
        assert_eq!(attributes, "HttpOnly; SameSite=Lax; Path=/; Max-Age=300");
        let sent = headers(header::COOKIE, pair.as_bytes());
        assert_eq!(jar.state(&sent), *value);
        assert_eq!((jar.device(&sent), jar.session_token(&sent)), (String::new(), None));
        assert_eq!(other.state(&sent), "", "signed with another secret");
    });
}
