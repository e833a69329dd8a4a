use aws_lc_rs::hmac;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cookie::{Cookie, SameSite, time};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};

/// Seconds.
const DAY: i64 = 86_400;
/// A year: as long as identity knows a device.
const DEVICE_MAX_AGE: i64 = 31_536_000;
/// How long the way to a provider and back may take.
const STATE_MAX_AGE: i64 = 300;
const ADMIN_SESSION: &str = "admin_session";
const SITE: &str = "/";
/// The only routes that read the device cookie.
const AUTH: &str = "/api/auth";
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

/// Reads and writes signed cookies: `encodeURIComponent(value "." base64(HMAC-SHA256))`.
pub struct CookieJar {
    key: hmac::Key,
    secure: bool,
    session_days: u32,
}

impl std::fmt::Debug for CookieJar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CookieJar").field("secure", &self.secure).finish_non_exhaustive()
    }
}

impl CookieJar {
    /// `secure` sets the `__Secure-` prefix and the `Secure` attribute, which belong together
    /// (RFC 6265bis, section 4.1.3.1).
    pub fn new(secret: &SecretString, secure: bool, session_days: u32) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        Self { key, secure, session_days }
    }

    /// The session token the request proves to hold: by signed cookie.
    pub fn session_token(&self, headers: &HeaderMap) -> Option<String> {
        self.signed(headers, "session_token")
    }

    /// What identity gave this browser at its last sign-in; empty for a browser it does not know.
    pub fn device(&self, headers: &HeaderMap) -> String {
        self.signed(headers, "known_device").unwrap_or_default()
    }

    /// The state of the social sign-in that this browser began; empty when there is none.
    pub fn state(&self, headers: &HeaderMap) -> String {
        self.signed(headers, "state").unwrap_or_default()
    }

    fn signed(&self, headers: &HeaderMap, name: &str) -> Option<String> {
        let name = self.name(name);
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
        let max_age = self.max_age(remember);
        self.append(headers, "session_token", &self.sign(token), max_age);
        if remember {
            self.append(headers, "dont_remember", "", Some(0));
        } else {
            self.append(headers, "dont_remember", &self.sign("true"), None);
        }
        if let Ok(value) = HeaderValue::from_str(&format!("{token}.{}", self.signature(token))) {
            headers.insert(HeaderName::from_static("set-auth-token"), value);
            expose(headers, "set-auth-token");
        }
    }

    pub fn set_device(&self, headers: &mut HeaderMap, token: &str) {
        if !token.is_empty() {
            self.write(headers, (AUTH, "known_device"), &self.sign(token), Some(DEVICE_MAX_AGE));
        }
    }

    pub fn set_state(&self, headers: &mut HeaderMap, state: &str) {
        self.append(headers, "state", &self.sign(state), Some(STATE_MAX_AGE));
    }

    pub fn expire_state(&self, headers: &mut HeaderMap) {
        self.append(headers, "state", "", Some(0));
    }

    /// After the user is deleted nothing is left to know the device by.
    pub fn expire_device(&self, headers: &mut HeaderMap) {
        self.write(headers, (AUTH, "known_device"), "", Some(0));
    }

    /// Keeps the token of an administrator who acts as somebody, and whether that session is one to
    /// remember.
    pub fn set_admin_session(&self, headers: &mut HeaderMap, token: &str, remember: bool) {
        let value = format!("{token}:{}", if remember { "" } else { "true" });
        self.append(headers, ADMIN_SESSION, &self.sign(&value), self.max_age(remember));
    }

    /// The token of the administrator who acts as somebody in this browser.
    pub fn admin_session(&self, headers: &HeaderMap) -> Option<String> {
        let value = self.signed(headers, ADMIN_SESSION)?;
        value.split_once(':').map(|(token, _)| token.to_owned())
    }

    fn max_age(&self, remember: bool) -> Option<i64> {
        remember.then_some(i64::from(self.session_days) * DAY)
    }

    pub fn expire_admin_session(&self, headers: &mut HeaderMap) {
        self.append(headers, ADMIN_SESSION, "", Some(0));
    }

    pub fn expire_session(&self, headers: &mut HeaderMap) {
        for name in ["session_token", "session_data", "dont_remember"] {
            self.append(headers, name, "", Some(0));
        }
    }

    fn append(&self, headers: &mut HeaderMap, name: &str, value: &str, max_age: Option<i64>) {
        self.write(headers, (SITE, name), value, max_age);
    }

    fn write(
        &self,
        headers: &mut HeaderMap,
        (path, name): (&'static str, &str),
        value: &str,
        max_age: Option<i64>,
    ) {
        let mut cookie = Cookie::new(self.name(name), value);
        cookie.set_path(path);
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

/// Lets pages of other trusted origins read a header of the answer.
pub fn expose(headers: &mut HeaderMap, name: &str) {
    let known = headers.get(header::ACCESS_CONTROL_EXPOSE_HEADERS).and_then(|value| value.to_str().ok());
    let all = known.map_or_else(|| name.to_owned(), |known| format!("{known}, {name}"));
    if let Ok(value) = HeaderValue::from_str(&all) {
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, value);
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "uCyDs60rKxMs1p9dvDHLngJwHpLCapLk";

    fn jar(secure: bool) -> CookieJar {
        CookieJar::new(&SecretString::from("k7Jx0Qm4Vt9Zr2Lp6Wc1Ns8Yb3Hd5Gf_peer-bench"), secure, 7)
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

    #[test]
    fn the_device_cookie_goes_to_the_auth_routes_only_and_stays_for_a_year() {
        let mut headers = HeaderMap::new();
        jar(true).set_device(&mut headers, "device");
        let cookie = headers[header::SET_COOKIE].to_str().unwrap().to_owned();
        for attribute in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/api/auth", "Max-Age=31536000"] {
            assert!(cookie.contains(attribute), "{attribute} in {cookie}");
        }
        let pair = cookie.split(';').next().unwrap();
        assert!(pair.starts_with("__Secure-better-auth.known_device=device."), "{pair}");
        assert_eq!(jar(true).device(&request(pair)), "device");
        assert_eq!(jar(true).device(&request(&pair.replace("=device", "=forged"))), "");
        assert_eq!(jar(true).state(&request(pair)), "");
        let mut none = HeaderMap::new();
        jar(true).set_device(&mut none, "");
        assert!(none.is_empty());
    }

    #[test]
    fn the_state_cookie_lives_for_five_minutes() {
        let mut headers = HeaderMap::new();
        jar(false).set_state(&mut headers, "a-state");
        jar(false).expire_state(&mut headers);
        let cookies: Vec<_> =
            headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok()).collect();
        assert!(cookies[0].starts_with("better-auth.state=a-state.") && cookies[0].contains("Max-Age=300"));
        assert!(cookies[1].starts_with("better-auth.state=;") && cookies[1].contains("Max-Age=0"));
    }

    #[test]
    fn the_administrators_session_is_kept_as_long_as_it_was_to_be_remembered() {
        for (remember, flag) in [(true, ""), (false, "true")] {
            let mut headers = HeaderMap::new();
            jar(true).set_admin_session(&mut headers, TOKEN, remember);
            let cookie = headers[header::SET_COOKIE].to_str().unwrap();
            let pair = cookie.split(';').next().unwrap();
            assert!(
                pair.starts_with(&format!("__Secure-better-auth.admin_session={TOKEN}%3A{flag}.")),
                "{pair}"
            );
            assert_eq!(cookie.contains("Max-Age=604800"), remember, "{cookie}");
            assert_eq!(jar(true).admin_session(&request(pair)).as_deref(), Some(TOKEN));
            let renamed = pair.replace("admin_session", "session_token");
            assert_ne!(jar(true).session_token(&request(&renamed)).as_deref(), Some(TOKEN));
        }
        let mut headers = HeaderMap::new();
        jar(true).set_session(&mut headers, TOKEN, true);
        let pair = headers[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap();
        let renamed = pair.replace("session_token", "admin_session");
        assert_eq!(jar(true).admin_session(&request(&renamed)), None, "any session's cookie will not do");
    }

    #[test]
    fn headers_to_expose_are_added_up() {
        let mut headers = HeaderMap::new();
        expose(&mut headers, "set-auth-token");
        expose(&mut headers, "set-auth-jwt");
        assert_eq!(headers[header::ACCESS_CONTROL_EXPOSE_HEADERS], "set-auth-token, set-auth-jwt");
    }
}
