use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::ProofError;

/// Members of private and symmetric keys (RFC 7518, sections 6.2.2, 6.3.2, 6.4.1).
const SECRET: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Bytes of a coordinate on P-256, and of a key on Ed25519.
const POINT: usize = 32;
/// Of 2048 to 8192 bits.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=1024;
const MAX_EXPONENT: usize = 4;

/// The public key of a proof.
pub(super) struct ProofKey {
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
    pub(super) thumbprint: String,
}

/// SHA-256 in base64url, as `ath` and `jkt` are.
pub(super) fn digest(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text))
}

/// The key of the header, if it is a public one for the header's algorithm.
pub(super) fn read(jwk: &Map<String, Value>, alg: &str) -> Result<ProofKey, ProofError> {
    let (algorithm, kty) = match alg {
        "ES256" => (Algorithm::ES256, "EC"),
        "PS256" => (Algorithm::PS256, "RSA"),
        "RS256" => (Algorithm::RS256, "RSA"),
        "EdDSA" => (Algorithm::EdDSA, "OKP"),
        _ => return Err(ProofError::Algorithm),
    };
    let members = Members(jwk);
    let fits = members.text("kty") == Some(kty)
        && !SECRET.iter().any(|name| jwk.contains_key(*name))
        && members.is_absent_or("alg", alg)
        && members.is_absent_or("use", "sig");
    let read = match kty {
        "EC" => members.elliptic(),
        "RSA" => members.rsa(),
        _ => members.edwards(),
    };
    let (key, canonical) = read.filter(|_| fits).ok_or(ProofError::Key)?;
    Ok(ProofKey { algorithm, key, thumbprint: digest(&canonical) })
}

struct Members<'a>(&'a Map<String, Value>);

/// The second is the text that RFC 7638 hashes: the required members in the order of their names.
type Read = Option<(DecodingKey, String)>;

impl Members<'_> {
    fn elliptic(&self) -> Read {
        let (x, y) = (self.text("x")?, self.text("y")?);
        let fits = self.text("crv")? == "P-256" && octets(x)?.len() == POINT && octets(y)?.len() == POINT;
        let key = fits.then(|| DecodingKey::from_ec_components(x, y))?.ok()?;
        Some((key, format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)))
    }

    fn rsa(&self) -> Read {
        let (n, e) = (self.text("n")?, self.text("e")?);
        let (modulus, exponent) = (number(n)?, number(e)?);
        let fits = MODULUS.contains(&modulus.len()) && exponent.len() <= MAX_EXPONENT;
        let key = fits.then(|| DecodingKey::from_rsa_raw_components(&modulus, &exponent))?;
        Some((key, format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)))
    }

    fn edwards(&self) -> Read {
        let x = self.text("x")?;
        let fits = self.text("crv")? == "Ed25519" && octets(x)?.len() == POINT;
        let key = fits.then(|| DecodingKey::from_ed_components(x))?.ok()?;
        Some((key, format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    fn is_absent_or(&self, name: &str, value: &str) -> bool {
        self.0.get(name).is_none_or(|found| found == value)
    }
}

/// There is one way to write octets in base64url, so that no key has two thumbprints.
fn octets(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Without leading zeros (RFC 7518, section 2, Base64urlUInt), for the same reason.
fn number(text: &str) -> Option<Vec<u8>> {
    octets(text).filter(|octets| octets.first().is_some_and(|first| *first != 0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn thumbprint(jwk: &Value, alg: &str) -> Option<String> {
        read(jwk.as_object().unwrap(), alg).ok().map(|key| key.thumbprint)
    }

    #[test]
    fn thumbprints_are_those_of_the_standards() {
        // RFC 7638, section 3.1.
        let rsa = json!({
            "kty": "RSA", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        });
        assert_eq!(thumbprint(&rsa, "RS256").as_deref(), Some("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"));
        // RFC 9449, sections 4.1 and 6.1.
        let elliptic = json!({
            "kty": "EC", "crv": "P-256",
            "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
            "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
        });
        assert_eq!(
            thumbprint(&elliptic, "ES256").as_deref(),
            Some("0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")
        );
        // RFC 8037, appendix A.3.
        let edwards = json!({
            "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        });
        assert_eq!(
            thumbprint(&edwards, "EdDSA").as_deref(),
            Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
        );
    }

    #[test]
    fn a_key_has_one_form_only() {
        let edwards = |x: &str| json!({"kty": "OKP", "crv": "Ed25519", "x": x});
        assert!(thumbprint(&edwards("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"), "EdDSA").is_some());
        for other in [
            "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURp",
            "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
            "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ",
        ] {
            assert_eq!(thumbprint(&edwards(other), "EdDSA"), None, "{other}");
        }
        assert_eq!(number("AQAB"), Some(vec![1, 0, 1]));
        assert_eq!(number("AAEAAQ"), None);
    }
}
