use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Reads JSON in which no object names a member twice: readers disagree on which of the two counts.
/// Nesting is bounded by the parser (128 levels).
pub fn parse(text: &[u8]) -> Option<Value> {
    serde_json::from_slice::<Strict>(text).ok().map(|Strict(value)| value)
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON without duplicate members")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is named twice"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn honest_json_is_read_as_it_stands() {
        let text = br#"{"a":[1,-2,3.5,"x",true,null],"b":{"a":{}},"__proto__":{"x":1}}"#;
        let expected = json!({"a": [1, -2, 3.5, "x", true, null], "b": {"a": {}}, "__proto__": {"x": 1}});
        assert_eq!(parse(text), Some(expected));
    }

    #[test]
    fn duplicates_depth_and_rubbish_are_refused() {
        let deep = "[".repeat(5_000) + &"]".repeat(5_000);
        for bad in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":[{"a":1,"a":1}]}"#,
            "{",
            "",
            "{}{}",
            "{'a':1}",
            "NaN",
            "\"\\ud800\"",
            &deep,
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{}", &bad[..bad.len().min(40)]);
        }
        assert_eq!(parse(b"\"\xff\""), None);
    }
}
