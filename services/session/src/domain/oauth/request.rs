use serde::{Deserialize, Serialize};
use url::Url;

use super::claims_request::ClaimsRequest;
use super::client::{Client, GrantType};
use super::error::{Code, OAuthError};
use super::params::Params;
use super::{pkce, scope};

/// How the answer travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseMode {
    Query,
    /// OAuth 2.0 Form Post Response Mode.
    FormPost,
}

/// Where an answer goes: known to belong to the client before anything else is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReplyTo {
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
    pub(crate) mode: ResponseMode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prompt {
    None,
    Login,
    Consent,
    SelectAccount,
    /// Initiating User Registration via OpenID Connect 1.0.
    Create,
}

/// What a client asks for (OpenID Connect Core 1.0, section 3.1.2.1), understood and allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuthorizationRequest {
    pub(crate) scopes: Vec<String>,
    pub(crate) prompts: Vec<Prompt>,
    /// Seconds.
    pub(crate) max_age: Option<u64>,
    pub(crate) id_token_hint: Option<String>,
    pub(crate) bound: Bound,
}

/// What a code is bound to and good for; kept with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bound {
    pub(crate) redirect_uri: String,
    pub(crate) scopes: Vec<String>,
    #[serde(default)]
    pub(crate) resources: Vec<String>,
    pub(crate) code_challenge: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) dpop_jkt: Option<String>,
    #[serde(default)]
    pub(crate) claims: ClaimsRequest,
}

impl ReplyTo {
    /// # Errors
    /// `invalid_redirect_uri` for an address that is not the client's: nothing is sent there.
    pub(crate) fn read(params: &Params, client: &Client) -> Result<Self, OAuthError> {
        let unregistered = || {
            OAuthError::new(
                Code::InvalidRedirectUri,
                "The redirect_uri is not one that the client has registered",
            )
        };
        let redirect_uri = params.get("redirect_uri").ok_or_else(unregistered)?;
        if !client.registered(redirect_uri) {
            return Err(unregistered());
        }
        let mode = if params.get("response_mode") == Some("form_post") {
            ResponseMode::FormPost
        } else {
            ResponseMode::Query
        };
        let state = params.get("state").map(str::to_owned);
        Ok(Self { redirect_uri: redirect_uri.to_owned(), state, mode })
    }

    /// With the state and who answers (RFC 9207).
    pub(crate) fn parameters(&self, issuer: &str, answer: &[(&str, &str)]) -> Vec<(String, String)> {
        let state = self.state.as_deref().map(|state| ("state", state));
        let all = answer.iter().copied().chain(state).chain([("iss", issuer)]);
        all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// The address with the answer in its query; what stood there stays (RFC 6749, section 3.1.2).
    pub(crate) fn url(&self, parameters: &[(String, String)]) -> Option<String> {
        let mut url = Url::parse(&self.redirect_uri).ok()?;
        url.query_pairs_mut().extend_pairs(parameters);
        Some(url.into())
    }
}

impl AuthorizationRequest {
    /// # Errors
    /// What the client is told.
    pub(crate) fn read(params: &Params, client: &Client) -> Result<Self, OAuthError> {
        refuse_unsupported(params)?;
        check_response(params, client)?;
        let words = params.words("scope");
        let mut scopes = scope::asked(&words, &client.scopes())?;
        let claims = ClaimsRequest::parse(params.get("claims"))?;
        let not_allowed = claims.scopes().any(|covering| !scope::contains(&client.scopes(), covering));
        if not_allowed {
            return Err(OAuthError::new(Code::InvalidScope, "The client may not ask for these claims"));
        }
        let prompts = prompts(params)?;
        // No refresh token without the grant type for it (OpenID Connect Core 1.0, section 11).
        if !client.may(GrantType::RefreshToken) {
            scopes.retain(|scope| scope != scope::OFFLINE);
        }
        let code_challenge = pkce::challenge(params)?;
        if code_challenge.is_none() && client.requires_pkce() {
            return Err(OAuthError::request("The parameter code_challenge is missing"));
        }
        let bound = Bound {
            redirect_uri: params.require("redirect_uri")?.to_owned(),
            scopes: scopes.clone(),
            resources: resources(params, client)?,
            code_challenge,
            nonce: params.get("nonce").map(str::to_owned),
            dpop_jkt: params.get("dpop_jkt").map(str::to_owned),
            claims,
        };
        Ok(Self {
            scopes,
            prompts,
            max_age: max_age(params)?,
            id_token_hint: params.get("id_token_hint").map(str::to_owned),
            bound,
        })
    }

    pub(crate) fn has(&self, prompt: Prompt) -> bool {
        self.prompts.contains(&prompt)
    }

    /// The scopes that a person is asked for, those of single claims included.
    pub(crate) fn to_agree(&self) -> Vec<String> {
        let mut all = self.scopes.clone();
        all.extend(self.bound.claims.scopes().map(str::to_owned));
        let known = scope::KNOWN.iter().filter(|known| all.iter().any(|scope| scope == *known));
        known.map(|scope| (*scope).to_owned()).collect()
    }
}

/// OpenID Connect Core 1.0, sections 3.1.2.6 and 6.
fn refuse_unsupported(params: &Params) -> Result<(), OAuthError> {
    let refused = [
        ("request", Code::RequestNotSupported),
        ("request_uri", Code::RequestUriNotSupported),
        ("registration", Code::RegistrationNotSupported),
    ];
    match refused.into_iter().find(|(name, _)| params.get(name).is_some()) {
        Some((name, code)) => Err(OAuthError::new(code, format!("The parameter {name} is not supported"))),
        None => Ok(()),
    }
}

fn check_response(params: &Params, client: &Client) -> Result<(), OAuthError> {
    if params.require("response_type")? != "code" {
        return Err(OAuthError::new(Code::UnsupportedResponseType, "The response_type must be code"));
    }
    if !client.may(GrantType::AuthorizationCode) {
        return Err(OAuthError::new(
            Code::UnauthorizedClient,
            "The client may not use the authorization code flow",
        ));
    }
    match params.get("response_mode") {
        None | Some("query" | "form_post") => Ok(()),
        Some(_) => Err(OAuthError::request("The response_mode must be query or form_post")),
    }
}

fn prompts(params: &Params) -> Result<Vec<Prompt>, OAuthError> {
    let prompts: Vec<Prompt> = params
        .words("prompt")
        .iter()
        .map(|word| match word.as_str() {
            "none" => Ok(Prompt::None),
            "login" => Ok(Prompt::Login),
            "consent" => Ok(Prompt::Consent),
            "select_account" => Ok(Prompt::SelectAccount),
            "create" => Ok(Prompt::Create),
            _ => Err(OAuthError::request("The prompt is unknown")),
        })
        .collect::<Result<_, _>>()?;
    if prompts.len() > 1 && prompts.contains(&Prompt::None) {
        return Err(OAuthError::request("The prompt none stands alone"));
    }
    Ok(prompts)
}

fn max_age(params: &Params) -> Result<Option<u64>, OAuthError> {
    let read =
        |text: &str| text.parse().map_err(|_| OAuthError::request("The max_age is no number of seconds"));
    params.get("max_age").map(read).transpose()
}

/// RFC 8707, section 2.
pub(crate) fn resources(params: &Params, client: &Client) -> Result<Vec<String>, OAuthError> {
    let resources = params.resources();
    if resources.iter().any(|asked| !client.metadata.resources.contains(asked)) {
        return Err(OAuthError::new(Code::InvalidTarget, "The client may not ask for this resource"));
    }
    Ok(resources)
}
