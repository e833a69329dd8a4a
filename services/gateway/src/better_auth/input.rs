use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use kernel::Error;
use serde_json::{Map, Value};

use super::error::AuthError;
use super::json;
use crate::body;
use crate::state::App;

/// Fields that only the system may set: a request that carries one is refused, not ignored.
const SYSTEM_FIELDS: [&str; 5] = ["role", "banned", "banReason", "banExpires", "emailVerified"];
/// Longer texts are refused. Passwords, addresses and tokens are shorter by far.
const MAX_TEXT: usize = 16 * 1024;
const MAX_ITEMS: usize = 50;

/// The members of a request body or of a query, and what is wrong with them. Handlers take the
/// members they know; any other is ignored.
#[derive(Debug, Clone)]
pub struct Fields {
    /// `body`, `query`, or the path of a nested object.
    place: String,
    members: Map<String, Value>,
    problems: Vec<String>,
    /// Forms and queries carry everything as text.
    textual: bool,
    /// The whole is wrong: nothing is said of its members.
    unusable: bool,
}

impl Fields {
    /// `application/json`, and forms where `form` allows them. An empty body is an empty object
    /// only where `optional`.
    pub fn parse(
        headers: &HeaderMap,
        body: Result<Bytes, BytesRejection>,
        form: bool,
        optional: bool,
    ) -> Result<Self, AuthError> {
        let body = body::read(body)?;
        if body.is_empty() {
            return Ok(if optional { Self::of("body", Map::new(), false) } else { Self::unusable(None) });
        }
        match body::media_type(headers).as_str() {
            "application/json" => match json::parse(&body) {
                Some(Value::Object(members)) => Ok(Self::of("body", members, false)),
                Some(other) => Ok(Self::unusable(Some(&other))),
                None => Err(AuthError::bad_request("BAD_REQUEST", "The body is not valid JSON")),
            },
            "application/x-www-form-urlencoded" if form => {
                let members = pairs(&body);
                if members.values().any(Value::is_array) {
                    return Err(AuthError::bad_request("BAD_REQUEST", "The form names a field twice"));
                }
                Ok(Self::of("body", members, true))
            }
            _ => Err(AuthError::bad_request(
                "UNSUPPORTED_MEDIA_TYPE",
                "Content-Type is not allowed. Allowed: application/json",
            )),
        }
    }

    /// A parameter that is named twice is a list, which no endpoint expects.
    pub fn of_query(query: Option<&str>) -> Self {
        Self::of("query", pairs(query.unwrap_or_default().as_bytes()), true)
    }

    fn of(place: impl Into<String>, members: Map<String, Value>, textual: bool) -> Self {
        Self { place: place.into(), members, problems: Vec::new(), textual, unusable: false }
    }

    fn unusable(found: Option<&Value>) -> Self {
        let problem = format!("[body] {}", expected("object", found));
        Self { problems: vec![problem], unusable: true, ..Self::of("body", Map::new(), false) }
    }

    /// The member as it came, to look at before its schema is judged.
    pub fn raw(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    pub fn string(&mut self, name: &str) -> String {
        match self.members.get(name) {
            Some(Value::String(_)) => self.optional_string(name).unwrap_or_default(),
            other => {
                let problem = expected("string", other);
                self.reject(name, &problem);
                String::new()
            }
        }
    }

    pub fn optional_string(&mut self, name: &str) -> Option<String> {
        let problem = match self.members.get(name) {
            None => return None,
            Some(Value::String(text)) => match text_problem(text) {
                None => return Some(text.clone()),
                Some(problem) => problem.to_owned(),
            },
            other => expected("string", other),
        };
        self.reject(name, &problem);
        None
    }

    /// Absent, or a text that is not empty.
    pub fn filled(&mut self, name: &str) -> Option<String> {
        self.optional_string(name).filter(|text| !text.is_empty())
    }

    /// A text, or an explicit `null` (`true`).
    pub fn nullable_string(&mut self, name: &str) -> (Option<String>, bool) {
        match self.members.get(name) {
            Some(Value::Null) => (None, true),
            _ => (self.optional_string(name), false),
        }
    }

    pub fn email(&mut self, name: &str) -> String {
        let known = self.problems.len();
        let email = self.string(name);
        if self.problems.len() == known && !is_email(&email) {
            self.reject(name, "Invalid email address");
        }
        email
    }

    /// A text, or a number in place of one.
    pub fn coerced(&mut self, name: &str) -> String {
        match self.members.get(name) {
            Some(Value::Number(number)) => number.to_string(),
            _ => self.string(name),
        }
    }

    pub fn optional_number(&mut self, name: &str) -> Option<f64> {
        match self.members.get(name) {
            None => None,
            Some(Value::Number(number)) => number.as_f64(),
            other => {
                let problem = expected("number", other);
                self.reject(name, &problem);
                None
            }
        }
    }

    /// Absent, or one of these words.
    pub fn optional_word(&mut self, name: &str, known: &[&str]) -> Option<String> {
        let text = self.optional_string(name)?;
        if known.contains(&text.as_str()) {
            return Some(text);
        }
        let known: Vec<String> = known.iter().map(|word| format!("\"{word}\"")).collect();
        self.reject(name, &format!("Invalid option: expected one of {}", known.join("|")));
        None
    }

    pub fn optional_bool(&mut self, name: &str, default: bool) -> bool {
        match self.members.get(name) {
            None => default,
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) if self.textual && text == "true" => true,
            Some(Value::String(text)) if self.textual && text == "false" => false,
            other => {
                let problem = expected("boolean", other);
                self.reject(name, &problem);
                default
            }
        }
    }

    pub fn strings(&mut self, name: &str) -> Vec<String> {
        let items = match self.members.get(name) {
            None => return Vec::new(),
            Some(Value::Array(items)) if items.len() <= MAX_ITEMS => items.clone(),
            other => {
                let problem = expected("array", other);
                self.reject(name, &problem);
                return Vec::new();
            }
        };
        let read =
            |item: &Value| item.as_str().filter(|text| text_problem(text).is_none()).map(str::to_owned);
        let texts: Option<Vec<String>> = items.iter().map(read).collect();
        texts.unwrap_or_else(|| {
            self.reject(name, "Invalid input: expected strings");
            Vec::new()
        })
    }

    /// A text or a list of them.
    pub fn text_or_texts(&mut self, name: &str) -> Vec<String> {
        match self.members.get(name) {
            Some(Value::Array(_)) => self.strings(name),
            _ => vec![self.string(name)],
        }
    }

    /// An object of lists of texts.
    pub fn lists(&mut self, name: &str) -> Vec<(String, Vec<String>)> {
        let Some(mut inner) = self.object(name) else {
            self.require(name, "object");
            return Vec::new();
        };
        if inner.members.len() > MAX_ITEMS {
            self.reject(name, "Invalid input: too many members");
            return Vec::new();
        }
        let names: Vec<String> = inner.members.keys().cloned().collect();
        let lists = names.into_iter().map(|key| (key.clone(), inner.strings(&key))).collect();
        self.absorb(&inner);
        lists
    }

    /// An object of texts, without names that mean something to JavaScript's objects.
    pub fn texts(&mut self, name: &str) -> Vec<(String, String)> {
        let Some(mut inner) = self.object(name) else { return Vec::new() };
        let names: Vec<String> = inner.members.keys().filter(|key| !is_prototype(key)).cloned().collect();
        if names.len() > MAX_ITEMS {
            self.reject(name, "Invalid input: too many members");
            return Vec::new();
        }
        let texts = names.into_iter().map(|key| (key.clone(), inner.string(&key))).collect();
        self.absorb(&inner);
        texts
    }

    /// A nested object. Its problems are its own: give them back with [`Fields::absorb`].
    pub fn object(&mut self, name: &str) -> Option<Self> {
        match self.members.get(name) {
            None => None,
            Some(Value::Object(members)) => {
                Some(Self::of(format!("{}.{name}", self.place), members.clone(), self.textual))
            }
            other => {
                let problem = expected("object", other);
                self.reject(name, &problem);
                None
            }
        }
    }

    pub fn absorb(&mut self, inner: &Self) {
        self.problems.extend(inner.problems.iter().cloned());
    }

    /// Refuses its absence; of another kind it was refused before.
    pub fn require(&mut self, name: &str, kind: &str) {
        if !self.members.contains_key(name) {
            self.reject(name, &expected(kind, None));
        }
    }

    /// All members of a body that was let in.
    pub fn into_members(self) -> Result<Map<String, Value>, AuthError> {
        self.check()?;
        Ok(self.members)
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// A strict schema knows these members only.
    pub fn only(&mut self, known: &[&str]) {
        let unknown = self.members.keys().find(|key| !known.contains(&key.as_str())).cloned();
        if let Some(name) = unknown {
            self.reject(&name, "Unrecognized key");
        }
    }

    pub fn reject(&mut self, name: &str, problem: &str) {
        if !self.unusable {
            let name: String = name.chars().take(64).collect();
            self.problems.push(format!("[{}.{name}] {problem}", self.place));
        }
    }

    /// Every schema problem at once.
    pub fn check(&self) -> Result<(), AuthError> {
        if self.problems.is_empty() {
            return Ok(());
        }
        Err(AuthError::bad_request("VALIDATION_ERROR", self.problems.join("; ")))
    }

    pub fn refuse_system_fields(&self) -> Result<(), AuthError> {
        match SYSTEM_FIELDS.into_iter().find(|name| self.is_truthy(name)) {
            Some(name) => {
                Err(AuthError::bad_request("FIELD_NOT_ALLOWED", format!("{name} is not allowed to be set")))
            }
            None => Ok(()),
        }
    }

    /// As JavaScript has it (ECMA-262, section 7.1.2), which the contract is written in.
    pub fn is_truthy(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|value| match value {
            Value::Null => false,
            Value::Bool(flag) => *flag,
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::String(text) => !text.is_empty(),
            Value::Array(_) | Value::Object(_) => true,
        })
    }
}

/// The body of a request that was let in (see [`super::admission`]).
impl FromRequestParts<App> for Fields {
    type Rejection = AuthError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, AuthError> {
        parts.extensions.remove::<Self>().ok_or_else(|| Error::internal().into())
    }
}

/// The query of a request.
#[derive(Debug)]
pub struct Query(pub Fields);

impl FromRequestParts<App> for Query {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Self::Rejection> {
        Ok(Self(Fields::of_query(parts.uri.query())))
    }
}

fn pairs(encoded: &[u8]) -> Map<String, Value> {
    let mut members = Map::new();
    for (name, value) in url::form_urlencoded::parse(encoded) {
        let value = Value::String(value.into_owned());
        let value = match members.remove(&*name) {
            None => value,
            Some(Value::Array(mut earlier)) => {
                earlier.push(value);
                Value::Array(earlier)
            }
            Some(earlier) => Value::Array(vec![earlier, value]),
        };
        members.insert(name.into_owned(), value);
    }
    members
}

fn text_problem(text: &str) -> Option<&'static str> {
    if text.contains('\0') {
        return Some("Invalid input: expected string without NUL");
    }
    (text.len() > MAX_TEXT).then_some("Too big: expected string of at most 16 KiB")
}

fn is_prototype(name: &str) -> bool {
    matches!(name, "__proto__" | "constructor" | "prototype")
}

/// The contract's rule: an ASCII local part without two dots in a row, and a dotted domain.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let local_ok = local.bytes().all(|b| b.is_ascii_alphanumeric() || b"_'+-.".contains(&b))
        && !local.starts_with('.')
        && !local.contains("..")
        && local.ends_with(|c: char| c.is_ascii_alphanumeric() || "_+-".contains(c));
    let Some((labels, top)) = domain.rsplit_once('.') else { return false };
    let label_ok = |label: &str| {
        label.starts_with(|c: char| c.is_ascii_alphanumeric())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    local_ok
        && labels.split('.').all(label_ok)
        && top.len() >= 2
        && top.bytes().all(|b| b.is_ascii_alphabetic())
}

fn expected(wanted: &str, found: Option<&Value>) -> String {
    format!("Invalid input: expected {wanted}, received {}", kind(found))
}

fn kind(value: Option<&Value>) -> &'static str {
    match value {
        None => "undefined",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "boolean",
        Some(Value::Number(_)) => "number",
        Some(Value::String(_)) => "string",
        Some(Value::Array(_)) => "array",
        Some(Value::Object(_)) => "object",
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header};

    use super::*;

    fn parse(media: &'static str, text: &str) -> Result<Fields, AuthError> {
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(media))]);
        Fields::parse(&headers, Ok(Bytes::from(text.to_owned())), true, false)
    }

    fn json(text: &str) -> Fields {
        parse("application/json; charset=utf-8", text).unwrap()
    }

    fn message(fields: &Fields) -> String {
        fields.check().unwrap_err().message().to_owned()
    }

    #[test]
    fn every_problem_of_a_body_is_told_at_once() {
        let mut fields = json(r#"{"password":7,"rememberMe":"true","image":null,"scopes":["a",1]}"#);
        fields.string("email");
        fields.string("password");
        fields.optional_bool("rememberMe", true);
        fields.optional_string("image");
        fields.strings("scopes");
        assert_eq!(
            message(&fields),
            "[body.email] Invalid input: expected string, received undefined; \
             [body.password] Invalid input: expected string, received number; \
             [body.rememberMe] Invalid input: expected boolean, received string; \
             [body.image] Invalid input: expected string, received null; \
             [body.scopes] Invalid input: expected strings"
        );
    }

    #[test]
    fn a_body_that_is_no_object_is_one_problem() {
        for (text, kind) in [("[]", "array"), ("null", "null"), ("\"x\"", "string"), ("1", "number")] {
            let mut fields = json(text);
            fields.string("email");
            assert_eq!(message(&fields), format!("[body] Invalid input: expected object, received {kind}"));
        }
        let none = Fields::parse(&HeaderMap::new(), Ok(Bytes::new()), false, false).unwrap();
        assert_eq!(message(&none), "[body] Invalid input: expected object, received undefined");
        assert!(Fields::parse(&HeaderMap::new(), Ok(Bytes::new()), false, true).unwrap().check().is_ok());
    }

    #[test]
    fn unreadable_and_ambiguous_bodies_are_refused() {
        for (media, text, reason) in [
            ("application/json", "{", "BAD_REQUEST"),
            ("application/json", r#"{"a":1,"a":2}"#, "BAD_REQUEST"),
            ("application/x-www-form-urlencoded", "a=1&a=2", "BAD_REQUEST"),
            ("text/plain", "{}", "UNSUPPORTED_MEDIA_TYPE"),
            ("application/jsonp", "{}", "UNSUPPORTED_MEDIA_TYPE"),
            ("", "{}", "UNSUPPORTED_MEDIA_TYPE"),
        ] {
            assert_eq!(parse(media, text).unwrap_err().reason(), reason, "{media} {text}");
        }
    }

    #[test]
    fn forms_carry_flags_as_text() {
        let mut fields =
            parse("application/x-www-form-urlencoded", "email=a%40b.co&rememberMe=false").unwrap();
        assert_eq!(fields.string("email"), "a@b.co");
        assert!(!fields.optional_bool("rememberMe", true));
        assert!(fields.check().is_ok());
    }

    #[test]
    fn a_repeated_parameter_is_no_text() {
        let mut query = Fields::of_query(Some("token=a&token=b"));
        query.string("token");
        assert_eq!(message(&query), "[query.token] Invalid input: expected string, received array");
    }

    #[test]
    fn nul_and_endless_texts_are_refused() {
        let mut fields = json(&format!(r#"{{"a":"x\u0000y","b":"{}"}}"#, "b".repeat(MAX_TEXT + 1)));
        fields.string("a");
        fields.optional_string("b");
        assert!(
            message(&fields).starts_with("[body.a] Invalid input: expected string without NUL; [body.b]")
        );
    }

    #[test]
    fn a_parameter_may_be_named_as_often_as_its_list_is_long() {
        let mut query = Fields::of_query(Some("role=a&limit=1&role=b&role=c"));
        assert_eq!(query.text_or_texts("role"), ["a", "b", "c"]);
        assert_eq!(query.text_or_texts("limit"), ["1"]);
        assert!(query.check().is_ok());
    }

    #[test]
    fn numbers_stand_for_names_and_words_are_a_closed_set() {
        let mut fields = json(r#"{"userId":4711,"other":true,"seconds":1.5,"much":"1","order":"up"}"#);
        assert_eq!(fields.coerced("userId"), "4711");
        assert_eq!((fields.optional_number("seconds"), fields.optional_number("none")), (Some(1.5), None));
        assert!(fields.check().is_ok());
        fields.coerced("other");
        fields.optional_number("much");
        assert_eq!(fields.optional_word("order", &["asc", "desc"]), None);
        assert_eq!(
            message(&fields),
            "[body.other] Invalid input: expected string, received boolean; \
             [body.much] Invalid input: expected number, received string; \
             [body.order] Invalid option: expected one of \"asc\"|\"desc\""
        );
    }

    #[test]
    fn an_object_of_lists_is_read_whole_or_refused() {
        let mut fields = json(r#"{"permissions":{"user":["list","ban"],"session":[]}}"#);
        let session = ("session".to_owned(), Vec::new());
        let user = ("user".to_owned(), vec!["list".to_owned(), "ban".to_owned()]);
        let mut read = fields.lists("permissions");
        read.sort();
        assert_eq!((read, fields.check().is_ok()), (vec![session, user], true));
        for bad in ["{}", r#"{"permissions":[]}"#, r#"{"permissions":{"user":"list"}}"#] {
            let mut fields = json(bad);
            fields.lists("permissions");
            assert!(fields.check().is_err(), "{bad}");
        }
    }

    #[test]
    fn names_that_mean_something_to_javascript_are_left_out() {
        let mut fields = json(r#"{"p":{"__proto__":{"x":1},"constructor":"y","hd":"school.example"}}"#);
        assert_eq!(fields.texts("p"), [("hd".to_owned(), "school.example".to_owned())]);
        assert!(fields.check().is_ok());
    }

    #[test]
    fn a_strict_schema_knows_its_members_only() {
        let mut fields = json(r#"{"accountId":"a","role":"admin"}"#);
        fields.only(&["accountId", "userId"]);
        assert_eq!(message(&fields), "[body.role] Unrecognized key");
    }

    #[test]
    fn what_the_system_sets_cannot_be_sent() {
        for bad in [r#"{"role":"admin"}"#, r#"{"emailVerified":true}"#, r#"{"banned":1}"#] {
            assert_eq!(json(bad).refuse_system_fields().unwrap_err().reason(), "FIELD_NOT_ALLOWED", "{bad}");
        }
        for fine in [r#"{"role":null}"#, r#"{"banned":false}"#, r#"{"id":"x","createdAt":"y","userId":"z"}"#]
        {
            assert!(json(fine).refuse_system_fields().is_ok(), "{fine}");
        }
    }

    #[test]
    fn addresses_follow_the_rule_of_the_contract() {
        for good in ["a@b.co", "A.b+c_d-e'f+@x-y.z1.example", "1@1.ab", "_@b.co"] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "",
            "@",
            "a",
            "a@b",
            "a@b.c",
            "a@.co",
            "a@b..co",
            "a@b.co.",
            ".a@b.co",
            "a.@b.co",
            "a..b@b.co",
            "a b@b.co",
            " a@b.co",
            "a@b.co ",
            "a@b@c.co",
            "\u{e4}@b.co",
            "a@b.c0",
            "a@-b.co",
            "a\u{ff20}b.co",
            "@b.co",
            "a\n@b.co",
            "'@b.co",
            "a@b_c.co",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }
}
