//! Whatever body or query a client sends, it is refused or read as every other reader reads it.

use std::collections::BTreeMap;

use ::fuzz::{Driver, ValueGenerator, check, near};
use axum::http::{HeaderValue, header};

use super::*;

const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\\u0061",
    "\\u0000",
    "\\ud800",
    "\\\"",
    "null",
    "true",
    "false",
    "1e400",
    "-0",
    "18446744073709551616",
    "\"a\"",
    "\"a\":1",
    "\"email\"",
    "\"role\":\"admin\"",
    "\"__proto__\":{",
    "\"constructor\"",
    "&",
    "=",
    "+",
    "%",
    "%00",
    "%26",
    "%3D",
    "%ff",
    "%C3%BC",
    "a=1",
    "role=admin",
    "__proto__=x",
    "__proto__[role]=admin",
    "\u{feff}",
    "\n",
    " ",
];
const SEEDS: [&str; 5] = [
    r#"{"email":"ada@example.com","password":"correct horse","rememberMe":false}"#,
    r#"{"a":[1,-2,3.5,"x",true,null],"b":{"a":{"c":""}},"__proto__":{"role":"admin"}}"#,
    r#"{"scopes":["openid","email"],"additionalParams":{"hd":"school.example","constructor":"x"}}"#,
    "email=ada%40example.com&password=correct+horse&rememberMe=false",
    "a=1&b=&c&=d&%C3%BC=%26",
];
const NAMES: [&str; 8] =
    ["a", "email", "rememberMe", "role", "emailVerified", "__proto__", "constructor", "\u{fc}"];

fn parse(media: &'static str, body: &[u8]) -> Result<Fields, AuthError> {
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(media))]);
    Fields::parse(&headers, Ok(Bytes::copy_from_slice(body)), true, false)
}

/// Reads every member in every way; what is then found to be in order is fit for every service.
fn read_all(mut fields: Fields) {
    let names: Vec<String> = fields.members.keys().cloned().collect();
    let mut texts = Vec::new();
    for name in &names {
        texts.extend(fields.clone().optional_string(name));
        texts.extend(fields.clone().nullable_string(name).0);
        texts.extend(fields.clone().strings(name));
        let mut one = fields.clone();
        let pairs = one.texts(name);
        assert!(
            pairs.iter().all(|(key, _)| !["__proto__", "constructor", "prototype"].contains(&key.as_str()))
        );
        if one.check().is_ok() {
            texts.extend(pairs.into_iter().map(|(_, text)| text));
        }
        let mut one = fields.clone();
        let email = one.email(name);
        if one.check().is_ok() {
            assert!(email.bytes().all(|byte| byte.is_ascii_graphic()), "{email:?}");
            assert_eq!(email.matches('@').count(), 1, "{email:?}");
        }
        fields.optional_bool(name, true);
        fields.filled(name);
    }
    fields.only(&["email"]);
    assert_eq!(fields.check().is_ok(), fields.problems.is_empty());
    assert!(texts.iter().all(|text| !text.contains('\0') && text.len() <= MAX_TEXT));
    let set = SYSTEM_FIELDS.iter().filter_map(|name| fields.raw(name));
    let unset = |value: &Value| {
        value.is_null()
            || *value == Value::Bool(false)
            || *value == Value::String(String::new())
            || value.as_f64() == Some(0.0)
    };
    let set = set.filter(|value| !unset(value)).count();
    assert_eq!(fields.refuse_system_fields().is_err(), set > 0);
}

#[test]
fn json_that_is_accepted_says_the_same_to_every_reader() {
    check!().with_iterations(3_000).with_generator(near(SEEDS, WORDS)).for_each(|body| {
        let plain = serde_json::from_slice::<Value>(body);
        let Ok(fields) = parse("application/json", body) else { return };
        let fields = match plain {
            Ok(Value::Object(members)) => {
                assert_eq!(fields.members, members);
                fields
            }
            plain => {
                let empty = body.is_empty() && plain.is_err();
                assert!(empty || plain.is_ok_and(|value| !value.is_object()));
                assert!(fields.unusable && fields.check().is_err());
                fields
            }
        };
        read_all(fields);
    });
}

/// Flat objects as a list of members: some names come twice, some are spelt with escapes.
#[derive(Debug)]
struct Members;

impl ValueGenerator for Members {
    type Output = Vec<(&'static str, bool, Value)>;

    fn generate<D: Driver>(&self, driver: &mut D) -> Option<Self::Output> {
        let member = |driver: &mut D| {
            let name = NAMES[usize::from(driver.produce::<u8>()?) % NAMES.len()];
            let value = match driver.produce::<u8>()? % 5 {
                0 => Value::Null,
                1 => driver.produce::<bool>()?.into(),
                2 => driver.produce::<i64>()?.into(),
                3 => (f64::from(driver.produce::<i32>()?) / 2.0).into(),
                _ => driver.produce::<[char; 3]>()?.iter().collect::<String>().into(),
            };
            Some((name, driver.produce()?, value))
        };
        (0..driver.produce::<u8>()? % 6).map(|_| member(driver)).collect()
    }
}

#[test]
fn json_is_refused_exactly_when_it_names_a_member_twice() {
    check!().with_iterations(3_000).with_generator(Members).for_each(|members| {
        let spelt = |name: &str, escaped: bool| {
            if escaped {
                name.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
            } else {
                name.to_owned()
            }
        };
        let texts: Vec<_> = members
            .iter()
            .map(|(name, escaped, value)| format!("\"{}\": {value}", spelt(name, *escaped)))
            .collect();
        let wanted: BTreeMap<_, _> = members.iter().map(|(name, _, value)| (*name, value)).collect();
        let read = parse("application/json", format!("{{{}}}", texts.join(",")).as_bytes());
        assert_eq!(read.is_ok(), wanted.len() == members.len());
        let Ok(read) = read else { return };
        assert_eq!(read.members.len(), wanted.len());
        for (name, value) in wanted {
            assert_eq!(read.raw(name), Some(value), "{name}");
        }
        read_all(read);
    });
}

/// The pairs of a form by hand (WHATWG URL, section 5.1).
fn by_hand(body: &[u8]) -> Vec<(String, String)> {
    let text = |part: &[u8]| {
        let spaced: Vec<u8> = part.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        percent_encoding::percent_decode(&spaced).decode_utf8_lossy().into_owned()
    };
    let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=');
        at.map_or((pair, &b""[..]), |at| (&pair[..at], &pair[at + 1..]))
    });
    pairs.map(|(name, value)| (text(name), text(value))).collect()
}

#[test]
fn forms_and_queries_name_each_field_once_or_are_no_text() {
    check!().with_iterations(3_000).with_generator(near(SEEDS, WORDS)).for_each(|body| {
        let pairs = by_hand(body);
        let members: BTreeMap<_, _> = pairs.iter().cloned().collect();
        let unique = members.len() == pairs.len();
        let form = parse("application/x-www-form-urlencoded", body);
        assert_eq!(form.is_ok(), unique);
        if let (Ok(form), false) = (form, body.is_empty()) {
            let texts = form.members.iter();
            let texts: BTreeMap<_, _> =
                texts.map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned())).collect();
            assert_eq!(texts, members);
            read_all(form);
        }
        let Ok(query) = std::str::from_utf8(body) else { return };
        let query = Fields::of_query(Some(query));
        for (name, value) in &members {
            let named = pairs.iter().filter(|(other, _)| other == name).count();
            let read = query.raw(name).and_then(Value::as_str);
            assert_eq!(read, (named == 1).then_some(value.as_str()), "{name}");
        }
        read_all(query);
    });
}
