//! What may be asked for.

use super::error::{Code, OAuthError};

pub(crate) const OPENID: &str = "openid";
pub(crate) const OFFLINE: &str = "offline_access";

/// The scopes there are: those of OpenID Connect Core 1.0, sections 5.4 and 11, and our own.
pub(crate) const KNOWN: [&str; 9] =
    [OPENID, "profile", "email", "address", "phone", OFFLINE, "courses:read", "courses:write", "tutor:chat"];

/// Nothing but who somebody is: what anybody may ask a person for.
pub(crate) fn is_for_sign_in(scope: &str) -> bool {
    scope.split(' ').all(|word| !word.contains(':'))
}

/// The scopes of a request that are known here, each once, in the order of [`KNOWN`]. Unknown ones
/// are ignored (OpenID Connect Core 1.0, section 3.1.2.1).
///
/// # Errors
/// `invalid_scope` for one that the client may not ask for, and where nothing is left.
pub(crate) fn asked(words: &[String], allowed: &[String]) -> Result<Vec<String>, OAuthError> {
    let known: Vec<&str> = KNOWN.into_iter().filter(|scope| words.iter().any(|word| word == scope)).collect();
    if known.iter().any(|scope| !allowed.iter().any(|other| other == scope)) {
        return Err(OAuthError::new(Code::InvalidScope, "The client may not ask for this scope"));
    }
    if known.is_empty() {
        return Err(OAuthError::new(Code::InvalidScope, "No known scope is asked for"));
    }
    Ok(known.into_iter().map(str::to_owned).collect())
}

/// A smaller scope for a new access token (RFC 6749, section 6).
///
/// # Errors
/// `invalid_scope` for anything that was not granted.
pub(crate) fn narrowed(words: &[String], granted: &[String]) -> Result<Vec<String>, OAuthError> {
    if words.is_empty() {
        return Ok(granted.to_vec());
    }
    if words.iter().any(|word| !granted.contains(word)) {
        return Err(OAuthError::new(Code::InvalidScope, "More is asked for than was granted"));
    }
    Ok(granted.iter().filter(|scope| words.contains(scope)).cloned().collect())
}

pub(crate) fn contains(scopes: &[String], scope: &str) -> bool {
    scopes.iter().any(|known| known == scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn only_what_is_known_and_allowed_is_asked_for() {
        let allowed = words("openid email courses:read");
        assert_eq!(asked(&words("email unheard-of openid email"), &allowed), Ok(words("openid email")));
        assert!(asked(&words("openid profile"), &allowed).is_err());
        assert!(asked(&words("unheard-of"), &allowed).is_err());
        assert!(asked(&[], &allowed).is_err());
    }

    #[test]
    fn a_scope_is_narrowed_and_never_widened() {
        let granted = words("openid email");
        assert_eq!(narrowed(&[], &granted), Ok(granted.clone()));
        assert_eq!(narrowed(&words("email"), &granted), Ok(words("email")));
        assert!(narrowed(&words("email profile"), &granted).is_err());
    }
}
