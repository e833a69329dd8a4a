use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::error::OAuthError;
use super::params::Params;

/// The challenge of a request (RFC 7636, section 4.3): S256 alone. `plain` protects nobody who can
/// be attacked (RFC 9700, section 2.1.1).
pub(crate) fn challenge(params: &Params) -> Result<Option<String>, OAuthError> {
    let method = params.get("code_challenge_method");
    let Some(challenge) = params.get("code_challenge") else {
        return match method {
            None => Ok(None),
            Some(_) => Err(OAuthError::request("The parameter code_challenge is missing")),
        };
    };
    if method != Some("S256") {
        return Err(OAuthError::request("The code_challenge_method must be S256"));
    }
    let is_digest = challenge.len() == 43 && URL_SAFE_NO_PAD.decode(challenge).is_ok();
    if !is_digest {
        return Err(OAuthError::request("The code_challenge is no SHA-256 in base64url"));
    }
    Ok(Some(challenge.to_owned()))
}

/// Does the verifier fit (RFC 7636, section 4.6)? A verifier where none was announced does not: the
/// challenge may have been cut out of the request (RFC 9700, section 4.8.2).
pub(crate) fn fits(challenge: Option<&str>, verifier: Option<&str>) -> bool {
    match (challenge, verifier) {
        (None, None) => true,
        (Some(challenge), Some(verifier)) => {
            let found = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
            is_verifier(verifier) && bool::from(found.as_bytes().ct_eq(challenge.as_bytes()))
        }
        _ => false,
    }
}

/// RFC 7636, section 4.1.
fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_pair_of_the_rfc_fits_and_no_other() {
        assert!(fits(Some(CHALLENGE), Some(VERIFIER)));
        assert!(!fits(Some(CHALLENGE), Some(CHALLENGE)));
        assert!(!fits(Some(CHALLENGE), None));
        assert!(!fits(None, Some(VERIFIER)));
        assert!(fits(None, None));
    }

    #[test]
    fn only_s256_is_a_method() {
        let read = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            challenge(&Params::read(pairs).unwrap())
        };
        assert_eq!(read(&[]), Ok(None));
        let given = ("code_challenge", CHALLENGE);
        assert_eq!(read(&[given, ("code_challenge_method", "S256")]), Ok(Some(CHALLENGE.to_owned())));
        assert!(read(&[given]).is_err());
        assert!(read(&[given, ("code_challenge_method", "plain")]).is_err());
        assert!(read(&[("code_challenge", "short"), ("code_challenge_method", "S256")]).is_err());
        assert!(read(&[("code_challenge_method", "S256")]).is_err());
    }
}
