use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::error::{Code, OAuthError};
use super::{redirect_uri, scope};

const MAX_NAME: usize = 100;
const MAX_URIS: usize = 20;
const MAX_JWKS: usize = 16 * 1024;
const ROLES: [&str; 3] = ["student", "instructor", "admin"];

/// Where an application runs (OpenID Connect Dynamic Client Registration 1.0, section 2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ApplicationType {
    #[default]
    Web,
    Native,
}

/// How a client proves who it is (OpenID Connect Core 1.0, section 9).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuthMethod {
    None,
    #[default]
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
}

impl AuthMethod {
    pub(crate) fn has_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum GrantType {
    #[serde(rename = "authorization_code")]
    AuthorizationCode,
    #[serde(rename = "refresh_token")]
    RefreshToken,
    #[serde(rename = "client_credentials")]
    ClientCredentials,
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
}

/// What is known of an application (RFC 7591, section 2), and our own members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the members of RFC 7591, each by itself")]
pub(crate) struct Metadata {
    pub(crate) client_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) logo_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tos_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) contacts: Vec<String>,
    #[serde(default)]
    pub(crate) application_type: ApplicationType,
    #[serde(default)]
    pub(crate) redirect_uris: Vec<String>,
    #[serde(default)]
    pub(crate) post_logout_redirect_uris: Vec<String>,
    #[serde(default = "code_alone")]
    pub(crate) grant_types: Vec<GrantType>,
    #[serde(default = "code_response")]
    pub(crate) response_types: Vec<String>,
    #[serde(default)]
    pub(crate) token_endpoint_auth_method: AuthMethod,
    /// What it may ask for, divided by spaces.
    #[serde(default = "default_scope")]
    pub(crate) scope: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) jwks: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) jwks_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) backchannel_logout_uri: Option<String>,
    /// The other resources that its tokens may be for (RFC 8707).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) resources: Vec<String>,
    /// Of a confidential client it may be switched off; of a public one never.
    #[serde(default = "yes")]
    pub(crate) require_pkce: bool,
    #[serde(default)]
    pub(crate) dpop_bound_access_tokens: bool,
    #[serde(default)]
    pub(crate) require_pushed_authorization_requests: bool,
    /// An application of the house: people are not asked.
    #[serde(default)]
    pub(crate) skip_consent: bool,
    #[serde(default)]
    pub(crate) disabled: bool,
    /// Who may use it; empty: everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) roles: Vec<String>,
}

/// An application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) metadata: Metadata,
    pub(crate) secret_hash: Option<[u8; 32]>,
    pub(crate) created_at: chrono::DateTime<chrono::Utc>,
    pub(crate) updated_at: chrono::DateTime<chrono::Utc>,
}

fn yes() -> bool {
    true
}

fn code_alone() -> Vec<GrantType> {
    vec![GrantType::AuthorizationCode]
}

fn code_response() -> Vec<String> {
    vec!["code".to_owned()]
}

fn default_scope() -> String {
    "openid profile email offline_access".to_owned()
}

impl Client {
    pub(crate) fn is_public(&self) -> bool {
        self.metadata.token_endpoint_auth_method == AuthMethod::None
    }

    pub(crate) fn may(&self, grant: GrantType) -> bool {
        self.metadata.grant_types.contains(&grant)
    }

    pub(crate) fn requires_pkce(&self) -> bool {
        self.is_public() || self.metadata.require_pkce
    }

    pub(crate) fn scopes(&self) -> Vec<String> {
        self.metadata.scope.split_whitespace().map(str::to_owned).collect()
    }

    pub(crate) fn registered(&self, uri: &str) -> bool {
        let Metadata { redirect_uris, application_type, .. } = &self.metadata;
        redirect_uris.iter().any(|known| redirect_uri::matches(known, uri, *application_type))
    }

    /// The exact addresses that people are led to after signing out.
    pub(crate) fn registered_after_logout(&self, uri: &str) -> bool {
        self.metadata.post_logout_redirect_uris.iter().any(|known| known == uri)
    }

    pub(crate) fn admits(&self, role: &str) -> bool {
        self.metadata.roles.is_empty() || self.metadata.roles.iter().any(|known| known == role)
    }
}

impl Metadata {
    /// # Errors
    /// `invalid_client_metadata` or `invalid_redirect_uri`, saying which member is wrong.
    pub(crate) fn parse(json: &str) -> Result<Self, OAuthError> {
        let value: Value = serde_json::from_str(json).map_err(|_| wrong("The metadata is no JSON"))?;
        let Value::Object(members) = value else { return Err(wrong("The metadata is no JSON object")) };
        Self::of(members)
    }

    /// What is there, with other members in place of some; `null` removes one.
    pub(crate) fn changed(&self, json: &str) -> Result<(Self, Vec<String>), OAuthError> {
        let Ok(Value::Object(changes)) = serde_json::from_str(json) else {
            return Err(wrong("The update is no JSON object"));
        };
        let Ok(Value::Object(mut members)) = serde_json::to_value(self) else {
            return Err(wrong("The metadata cannot be changed"));
        };
        let names = changes.keys().cloned().collect();
        members.extend(changes);
        Ok((Self::of(members)?, names))
    }

    fn of(mut members: Map<String, Value>) -> Result<Self, OAuthError> {
        members.retain(|_, value| !value.is_null());
        // Only what is written in our own answers may come back in a request.
        for own in ["client_id", "client_secret", "client_id_issued_at", "client_secret_expires_at"] {
            members.remove(own);
        }
        let metadata: Self = serde_json::from_value(Value::Object(members)).map_err(|error| {
            // serde names the member, and for an enumeration repeats a word of the request.
            let text: String =
                error.to_string().chars().filter(|c| c.is_ascii_graphic() || *c == ' ').collect();
            wrong(text.replace(['"', '\\'], "'"))
        })?;
        metadata.check()?;
        Ok(metadata)
    }

    fn check(&self) -> Result<(), OAuthError> {
        let name = self.client_name.trim();
        if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(wrong("client_name must have 1 to 100 printable characters"));
        }
        self.check_redirects()?;
        self.check_grants()?;
        self.check_proof()?;
        for (name, uri) in [
            ("client_uri", &self.client_uri),
            ("logo_uri", &self.logo_uri),
            ("tos_uri", &self.tos_uri),
            ("policy_uri", &self.policy_uri),
            ("jwks_uri", &self.jwks_uri),
            ("backchannel_logout_uri", &self.backchannel_logout_uri),
        ] {
            if uri.as_deref().is_some_and(|uri| !is_web_address(uri)) {
                return Err(wrong(format!("{name} must be an https address without a fragment")));
            }
        }
        if self.resources.len() > MAX_URIS || !self.resources.iter().all(|uri| is_web_address(uri)) {
            return Err(wrong("resources must be https addresses without a fragment, 20 at most"));
        }
        if self.roles.iter().any(|role| !ROLES.contains(&role.as_str())) {
            return Err(wrong("roles are student, instructor and admin"));
        }
        if self.contacts.len() > MAX_URIS || self.contacts.iter().any(|contact| contact.len() > 320) {
            return Err(wrong("contacts must be 20 short texts at most"));
        }
        Ok(())
    }

    fn check_redirects(&self) -> Result<(), OAuthError> {
        let needs = self.grant_types.contains(&GrantType::AuthorizationCode);
        let invalid = |text: String| OAuthError::new(Code::InvalidRedirectUri, text);
        if needs && self.redirect_uris.is_empty() {
            return Err(invalid("redirect_uris is missing".to_owned()));
        }
        let all = [
            ("redirect_uris", &self.redirect_uris),
            ("post_logout_redirect_uris", &self.post_logout_redirect_uris),
        ];
        for (name, uris) in all {
            if uris.len() > MAX_URIS {
                return Err(invalid(format!("{name} holds more than 20")));
            }
            for (place, uri) in uris.iter().enumerate() {
                redirect_uri::check(uri, self.application_type)
                    .map_err(|problem| invalid(format!("{name}, number {}, {problem}", place + 1)))?;
            }
        }
        Ok(())
    }

    fn check_grants(&self) -> Result<(), OAuthError> {
        if self.grant_types.is_empty() {
            return Err(wrong("grant_types is empty"));
        }
        if self.response_types.iter().any(|kind| kind != "code") {
            return Err(wrong("response_types may hold code alone"));
        }
        let public = self.token_endpoint_auth_method == AuthMethod::None;
        if public && self.grant_types.contains(&GrantType::ClientCredentials) {
            return Err(wrong("client_credentials is for clients that prove who they are"));
        }
        let unknown = self.scope.split_whitespace().any(|word| !scope::KNOWN.contains(&word));
        if unknown || self.scope.trim().is_empty() {
            return Err(wrong(format!("scope may hold {}", scope::KNOWN.join(" "))));
        }
        Ok(())
    }

    fn check_proof(&self) -> Result<(), OAuthError> {
        if self.jwks.is_some() && self.jwks_uri.is_some() {
            return Err(wrong("jwks and jwks_uri exclude each other"));
        }
        let keys = self.jwks.is_some() || self.jwks_uri.is_some();
        if self.token_endpoint_auth_method == AuthMethod::PrivateKeyJwt && !keys {
            return Err(wrong("private_key_jwt needs jwks or jwks_uri"));
        }
        let Some(jwks) = &self.jwks else { return Ok(()) };
        let text = jwks.to_string();
        let parsed: Result<jsonwebtoken::jwk::JwkSet, _> = serde_json::from_value(jwks.clone());
        let usable = parsed.is_ok_and(|set| !set.keys.is_empty()) && text.len() <= MAX_JWKS;
        // RFC 7517, section 9.3: a private key in a registration is one that leaked.
        let private = jwks
            .get("keys")
            .and_then(Value::as_array)
            .is_some_and(|keys| keys.iter().any(|key| key.get("d").is_some() || key.get("k").is_some()));
        if !usable || private {
            return Err(wrong("jwks must be a set of public keys of at most 16 KiB"));
        }
        Ok(())
    }

    /// What an application that registers itself may not decide.
    ///
    /// # Errors
    /// `invalid_client_metadata` naming it.
    pub(crate) fn check_self_registered(&self) -> Result<(), OAuthError> {
        let reserved = [
            ("skip_consent", self.skip_consent),
            ("require_pkce", !self.require_pkce),
            ("roles", !self.roles.is_empty()),
            ("resources", !self.resources.is_empty()),
            ("grant_types", self.grant_types.contains(&GrantType::ClientCredentials)),
            ("scope", !scope::is_for_sign_in(&self.scope)),
        ];
        match reserved.into_iter().find(|(_, set)| *set) {
            Some((name, _)) => Err(wrong(format!("{name} is for administrators to set"))),
            None => Ok(()),
        }
    }
}

fn wrong(text: impl Into<std::borrow::Cow<'static, str>>) -> OAuthError {
    OAuthError::new(Code::InvalidClientMetadata, text)
}

/// `https`, or of this machine for those who develop.
fn is_web_address(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let scheme = url.scheme() == "https" || (url.scheme() == "http" && local);
    scheme
        && url.host().is_some()
        && url.fragment().is_none()
        && url.username().is_empty()
        && text.len() <= 2048
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(value: &Value) -> Result<Metadata, OAuthError> {
        Metadata::parse(&value.to_string())
    }

    #[test]
    fn an_application_needs_a_name_and_an_address_and_is_confidential_by_default() {
        let given =
            parse(&json!({ "client_name": "LMS", "redirect_uris": ["https://lms.example/cb"] })).unwrap();
        assert_eq!(given.token_endpoint_auth_method, AuthMethod::ClientSecretBasic);
        assert!(given.require_pkce && !given.skip_consent);
        assert_eq!(given.grant_types, [GrantType::AuthorizationCode]);
        assert!(parse(&json!({ "redirect_uris": ["https://lms.example/cb"] })).is_err());
        let error = parse(&json!({ "client_name": "LMS" })).unwrap_err();
        assert_eq!(error.code, Code::InvalidRedirectUri);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let with = |name: &str, value: Value| {
            let mut metadata = json!({ "client_name": "LMS", "redirect_uris": ["https://lms.example/cb"] });
            metadata[name] = value;
            parse(&metadata).map_err(|error| error.description.into_owned())
        };
        for (name, value, said) in [
            ("client_name", json!(" "), "client_name"),
            ("client_uri", json!("javascript:alert(1)"), "client_uri"),
            ("logo_uri", json!("http://lms.example/logo"), "logo_uri"),
            ("grant_types", json!(["password"]), "password"),
            ("response_types", json!(["token"]), "response_types"),
            ("scope", json!("openid everything"), "scope"),
            ("token_endpoint_auth_method", json!("client_secret_jwt"), "client_secret_jwt"),
            ("token_endpoint_auth_method", json!("private_key_jwt"), "jwks"),
            ("jwks", json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0" }] }), "jwks"),
            ("roles", json!(["headmaster"]), "roles"),
            ("redirect_uris", json!(["https://a.example/#x"]), "redirect_uris, number 1"),
        ] {
            let told = with(name, value).unwrap_err();
            assert!(told.contains(said), "{name}: {told}");
        }
        assert!(with("client_id", json!("mine")).is_ok());
    }

    #[test]
    fn an_application_that_registers_itself_may_not_spare_people_the_question() {
        let given =
            json!({ "client_name": "A", "redirect_uris": ["https://a.example/cb"], "skip_consent": true });
        assert!(parse(&given).unwrap().check_self_registered().is_err());
    }

    #[test]
    fn members_are_replaced_or_removed() {
        let given = parse(&json!({ "client_name": "A", "redirect_uris": ["https://a.example/cb"], "client_uri": "https://a.example" })).unwrap();
        let (changed, names) = given.changed(r#"{"client_name":"B","client_uri":null}"#).unwrap();
        assert_eq!((changed.client_name.as_str(), changed.client_uri), ("B", None));
        assert_eq!(names, ["client_name", "client_uri"]);
        assert!(given.changed(r#"{"redirect_uris":[]}"#).is_err());
    }
}
