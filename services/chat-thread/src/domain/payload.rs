use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

pub(crate) const MAX_PAYLOAD_BYTES: usize = 256 * 1024;

/// What was said: a JSON object, kept byte for byte. Its text must not reach an event or a log.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Payload(Vec<u8>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PayloadError {
    #[error("the payload is longer than 256 KiB")]
    TooLarge,
    #[error("the payload is no JSON object")]
    NoObject,
}

impl Payload {
    pub(crate) fn parse(bytes: Vec<u8>) -> Result<Self, PayloadError> {
        if bytes.len() > MAX_PAYLOAD_BYTES {
            return Err(PayloadError::TooLarge);
        }
        match serde_json::from_slice::<Map<String, Value>>(&bytes) {
            Ok(_) => Ok(Self(bytes)),
            Err(_) => Err(PayloadError::NoObject),
        }
    }

    /// From the table, where only what was parsed is written.
    pub(crate) fn stored(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    pub(crate) fn sha256(&self) -> Vec<u8> {
        Sha256::digest(&self.0).to_vec()
    }
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Payload({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_json_object_is_a_payload() {
        for good in ["{}", " {\"content\": []}\n", r#"{"a":"\u0000é"}"#] {
            assert_eq!(Payload::parse(good.into()).unwrap().as_bytes(), good.as_bytes());
        }
        for bad in ["", " ", "[]", "null", "1", "\"{}\"", "{", "{} {}", "{\"a\":}", "{'a':1}"] {
            assert_eq!(Payload::parse(bad.into()), Err(PayloadError::NoObject), "{bad:?}");
        }
        assert_eq!(Payload::parse(b"{\"a\":\"\xff\"}".to_vec()), Err(PayloadError::NoObject), "not UTF-8");
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(Payload::parse(deep.into()), Err(PayloadError::NoObject));
    }

    #[test]
    fn a_payload_takes_256_kib_at_most() {
        let of_size = |size: usize| Payload::parse(format!("{{\"a\":\"{}\"}}", "x".repeat(size - 8)).into());
        assert_eq!(of_size(MAX_PAYLOAD_BYTES).unwrap().as_bytes().len(), MAX_PAYLOAD_BYTES);
        assert_eq!(of_size(MAX_PAYLOAD_BYTES + 1), Err(PayloadError::TooLarge));
    }

    #[test]
    fn a_payload_does_not_show_its_text_in_a_log() {
        let payload = Payload::parse(r#"{"text":"secret"}"#.into()).unwrap();
        assert_eq!(format!("{payload:?}"), "Payload(17 bytes)");
    }
}
