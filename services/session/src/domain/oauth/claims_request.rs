use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::OAuthError;

/// The parameter `claims` (OpenID Connect Core 1.0, section 5.5), as far as it is understood.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClaimsRequest {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) userinfo: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) id_token: Vec<String>,
    /// The only user who will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sub: Option<String>,
}

/// The claims there are, each with the scope in whose words people are asked for it.
const CLAIMS: [(&str, &str); 6] = [
    ("name", "profile"),
    ("picture", "profile"),
    ("updated_at", "profile"),
    ("role", "profile"),
    ("email", "email"),
    ("email_verified", "email"),
];

impl ClaimsRequest {
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, OAuthError> {
        let Some(text) = text else { return Ok(Self::default()) };
        let wrong = || OAuthError::request("The parameter claims is no claims request");
        let Ok(Value::Object(members)) = serde_json::from_str::<Value>(text) else { return Err(wrong()) };
        let part = |name: &str| match members.get(name) {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(part)) => Ok(part.clone()),
            Some(_) => Err(wrong()),
        };
        let (userinfo, id_token) = (part("userinfo")?, part("id_token")?);
        let known = |part: &Map<String, Value>| {
            let named = CLAIMS.iter().filter(|(name, _)| part.contains_key(*name));
            named.map(|(name, _)| (*name).to_owned()).collect()
        };
        let sub = |part: &Map<String, Value>| Some(part.get("sub")?.get("value")?.as_str()?.to_owned());
        Ok(Self {
            userinfo: known(&userinfo),
            id_token: known(&id_token),
            sub: sub(&id_token).or_else(|| sub(&userinfo)),
        })
    }

    /// The scopes that cover it.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = &'static str> + '_ {
        CLAIMS
            .iter()
            .filter(|(name, _)| self.userinfo.iter().chain(&self.id_token).any(|asked| asked == name))
            .map(|(_, scope)| *scope)
    }

    /// Without what the person did not agree to.
    pub(crate) fn limited(self, scopes: &[String]) -> Self {
        let agreed = |name: &String| {
            CLAIMS.iter().any(|(known, scope)| known == name && super::scope::contains(scopes, scope))
        };
        Self {
            userinfo: self.userinfo.into_iter().filter(agreed).collect(),
            id_token: self.id_token.into_iter().filter(agreed).collect(),
            sub: self.sub,
        }
    }
}

/// Does a scope or the request cover this claim?
pub(crate) fn covers(scopes: &[String], asked: &[String], claim: &str) -> bool {
    asked.iter().any(|name| name == claim)
        || CLAIMS.iter().any(|(name, scope)| *name == claim && super::scope::contains(scopes, scope))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_claims_are_read_and_unknown_ones_ignored() {
        let text = r#"{"userinfo":{"email":{"essential":true},"shoe_size":null},"id_token":{"name":null,"sub":{"value":"u1"}},"x":1}"#;
        let read = ClaimsRequest::parse(Some(text)).unwrap();
        assert_eq!(read.userinfo, ["email"]);
        assert_eq!(read.id_token, ["name"]);
        assert_eq!(read.sub.as_deref(), Some("u1"));
        let scopes: Vec<&str> = read.scopes().collect();
        assert_eq!(scopes, ["profile", "email"]);
        assert_eq!(read.limited(&["email".to_owned()]).id_token, Vec::<String>::new());
        for wrong in ["[]", "{", r#"{"userinfo":[]}"#, r#"{"id_token":1}"#] {
            assert!(ClaimsRequest::parse(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
