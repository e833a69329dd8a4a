use std::collections::HashSet;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::de::{DeserializeOwned, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A JWS in compact form (RFC 7515, section 7.1), not yet verified.
pub(crate) struct Compact<'a> {
    signed: &'a str,
    signature: &'a str,
    header: Vec<u8>,
    payload: Vec<u8>,
}

impl<'a> Compact<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        // A further dot is no character of base64url.
        let decoded = |part| URL_SAFE_NO_PAD.decode(part).ok();
        decoded(signature)?;
        Some(Self { signed, signature, header: decoded(header)?, payload: decoded(payload)? })
    }

    pub(crate) fn header<T: DeserializeOwned>(&self) -> Option<T> {
        object(&self.header)
    }

    pub(crate) fn payload<T: DeserializeOwned>(&self) -> Option<T> {
        object(&self.payload)
    }

    pub(crate) fn is_signed_by(&self, key: &DecodingKey, algorithm: Algorithm) -> bool {
        jsonwebtoken::crypto::verify(self.signature, self.signed.as_bytes(), key, algorithm).unwrap_or(false)
    }
}

/// An object in which no member is there twice, at any depth: readers disagree on which of two
/// counts (RFC 8725, section 2.4).
fn object<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    // Serde would take an array for a struct, too.
    if json.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    serde_json::from_slice::<NoneTwice>(json).ok()?;
    serde_json::from_slice(json).ok()
}

/// Whether a member is there, `null` included; to be read with `serde(default)`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Present(pub(crate) bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

struct NoneTwice;

impl<'de> Deserialize<'de> for NoneTwice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NoneTwice)
    }
}

impl<'de> Visitor<'de> for NoneTwice {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate members")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<NoneTwice>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut seen = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !seen.insert(name) {
                return Err(A::Error::custom("a member is there twice"));
            }
            map.next_value::<NoneTwice>()?;
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_member_that_is_there_twice_is_refused_at_any_depth() {
        for twice in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":{"a":1,"b":2,"a":1}}"#,
            r#"{"x":[1,{"a":[],"a":[]}]}"#,
        ] {
            assert_eq!(object::<Value>(twice.as_bytes()), None, "{twice}");
        }
        let once = r#" {"a":1,"b":{"a":-1,"c":[1.5,null,true,"a",{"a":"a"}]}}"#;
        assert!(object::<Value>(once.as_bytes()).is_some());
    }

    #[test]
    fn only_an_object_is_one() {
        for other in ["", "null", "[]", "\"x\"", "1", "{", "{}}", "\u{feff}{}"] {
            assert_eq!(object::<Value>(other.as_bytes()), None, "{other}");
        }
    }
}
