use aws_lc_rs::hmac;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cookie::{Cookie, SameSite, time};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};

/// Seconds; the cookie lives as long as the session.
const SESSION_MAX_AGE: i64 = 604_800;
/// Base64 of 32 bytes, with padding.
const SIGNATURE_LEN: usize = 44;
/// What JavaScript's `encodeURIComponent` leaves alone.
const URI_COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Reads and writes the signed session cookie: `encodeURIComponent(value "." base64(HMAC-SHA256))`.
pub struct CookieJar {
    key: hmac::Key,
    secure: bool,
}

impl std::fmt::Debug for CookieJar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CookieJar").field("secure", &self.secure).finish_non_exhaustive()
    }
}

impl CookieJar {
    /// `secure` sets the `__Secure-` prefix and the `Secure` attribute, which belong together
    /// (RFC 6265bis, section 4.1.3.1).
    pub fn new(secret: SecretString, secure: bool) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes()), secure }
    }

    /// The session token the request proves to hold: by signed cookie.
    pub fn session_token(&self, headers: &HeaderMap) -> Option<String> {
        let name = self.name("session_token");
        headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|line| line.to_str().ok())
            .flat_map(Cookie::split_parse)
            .filter_map(Result::ok)
            .filter(|cookie| cookie.name() == name)
            .find_map(|cookie| self.verify(cookie.value()))
    }

    /// The same for `/api/auth`, where `Authorization: Bearer` may carry the session token, signed
    /// or bare, and then wins.
    pub fn session_token_or_bearer(&self, headers: &HeaderMap) -> Option<String> {
        match crate::caller::bearer(headers) {
            Some(bearer) if bearer.contains('.') || bearer.contains('%') => self.verify(bearer),
            Some(bare) => Some(bare.to_owned()),
            None => self.session_token(headers),
        }
    }

    /// Sets the cookies of a session, and `set-auth-token` for clients that keep none.
    pub fn set_session(&self, headers: &mut HeaderMap, token: &str, remember: bool) {
        let max_age = remember.then_some(SESSION_MAX_AGE);
        self.append(headers, "session_token", &self.sign(token), max_age);
        if remember {
            self.append(headers, "dont_remember", "", Some(0));
        } else {
            self.append(headers, "dont_remember", &self.sign("true"), None);
        }
        if let Ok(value) = HeaderValue::from_str(&format!("{token}.{}", self.signature(token))) {
            headers.insert(HeaderName::from_static("set-auth-token"), value);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("set-auth-token"));
        }
    }

    pub fn expire_session(&self, headers: &mut HeaderMap) {
        for name in ["session_token", "session_data", "dont_remember"] {
            self.append(headers, name, "", Some(0));
        }
    }

    fn append(&self, headers: &mut HeaderMap, name: &str, value: &str, max_age: Option<i64>) {
        let mut cookie = Cookie::new(self.name(name), value);
        cookie.set_path("/");
        cookie.set_http_only(true);
        cookie.set_same_site(SameSite::Lax);
        cookie.set_secure(self.secure);
        cookie.set_max_age(max_age.map(time::Duration::seconds));
        if let Ok(value) = HeaderValue::from_str(&cookie.to_string()) {
            headers.append(header::SET_COOKIE, value);
        }
    }

    fn name(&self, name: &str) -> String {
        format!("{}better-auth.{name}", if self.secure { "__Secure-" } else { "" })
    }

    fn sign(&self, value: &str) -> String {
        utf8_percent_encode(&format!("{value}.{}", self.signature(value)), URI_COMPONENT).to_string()
    }

    fn signature(&self, value: &str) -> String {
        STANDARD.encode(hmac::sign(&self.key, value.as_bytes()))
    }

    fn verify(&self, signed: &str) -> Option<String> {
        let decoded = percent_decode_str(signed).decode_utf8().ok()?;
        let (value, signature) = decoded.rsplit_once('.')?;
        if signature.len() != SIGNATURE_LEN || !signature.ends_with('=') {
            return None;
        }
        let tag = STANDARD.decode(signature).ok()?;
        hmac::verify(&self.key, value.as_bytes(), &tag).ok()?;
        Some(value.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "uCyDs60rKxMs1p9dvDHLngJwHpLCapLk";

    fn jar(secure: bool) -> CookieJar {
        CookieJar::new(SecretString::from("k7Jx0Qm4Vt9Zr2Lp6Wc1Ns8Yb3Hd5Gf_peer-bench"), secure)
    }

    fn request(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(
            header::COOKIE,
            HeaderValue::from_str(cookie).unwrap_or(HeaderValue::from_static("")),
        )])
    }

    #[test]
    fn the_signature_is_the_one_of_the_contract() {
        assert_eq!(jar(false).signature(TOKEN), "mzmNB/6ryrNAadHxdbimFT4zI46PbpfPUN5xUX67/zY=");
        assert_eq!(
            jar(false).sign(TOKEN),
            format!("{TOKEN}.mzmNB%2F6ryrNAadHxdbimFT4zI46PbpfPUN5xUX67%2FzY%3D")
        );
    }

    #[test]
    fn a_session_cookie_round_trips_and_a_touched_one_does_not() {
        let jar = jar(false);
        let signed = jar.sign(TOKEN);
        let read =
            |value: &str| jar.session_token(&request(&format!("a=b; better-auth.session_token={value}")));
        assert_eq!(read(&signed).as_deref(), Some(TOKEN));
        for bad in [
            signed.replacen('u', "v", 1),
            signed.trim_end_matches("%3D").to_owned(),
            format!("{TOKEN}."),
            TOKEN.to_owned(),
            String::new(),
            format!("{TOKEN}.{}", "A".repeat(44)),
        ] {
            assert_eq!(read(&bad), None, "{bad}");
        }
    }

    #[test]
    fn on_https_the_prefix_and_the_secure_attribute_go_together() {
        let mut headers = HeaderMap::new();
        jar(true).set_session(&mut headers, TOKEN, true);
        let cookie =
            headers.get(header::SET_COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert!(cookie.starts_with("__Secure-better-auth.session_token="), "{cookie}");
        for attribute in ["Secure", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=604800"] {
            assert!(cookie.contains(attribute), "{attribute} in {cookie}");
        }
        assert_eq!(
            jar(true)
                .session_token(&request(&format!("better-auth.session_token={}", jar(true).sign(TOKEN)))),
            None
        );
    }

    #[test]
    fn a_session_that_is_not_remembered_ends_with_the_browser() {
        let mut headers = HeaderMap::new();
        jar(false).set_session(&mut headers, TOKEN, false);
        let cookies: Vec<_> =
            headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok()).collect();
        assert!(!cookies[0].contains("Max-Age"), "{cookies:?}");
        assert!(cookies[1].starts_with("better-auth.dont_remember=true."), "{cookies:?}");
    }
}
