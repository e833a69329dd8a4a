use chrono::TimeDelta;
use kernel::Error;

use super::super::{MAX_CALLBACK_BYTES, callback};
use super::SocialCx;
use crate::error;
use crate::postgres::social_states::{self, Pending};
use crate::secrets::token_hash;
use crate::social::Authorization;

/// How long the way to a provider and back may take.
const LIFETIME: TimeDelta = TimeDelta::minutes(10);
const STATE_CHARS: usize = 32;
const MAX_SCOPES: usize = 32;
const MAX_PARAMS: usize = 16;
const MAX_PARAM_BYTES: usize = 1024;
/// What the flow itself says.
const RESERVED: [&str; 14] = [
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
    "login_hint",
    "nonce",
    "redirect_uri",
    "request",
    "request_uri",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "code_verifier",
];

#[derive(Debug)]
pub(crate) struct Begin {
    pub(crate) provider_id: String,
    pub(crate) callback_url: String,
    pub(crate) error_url: String,
    pub(crate) new_user_url: String,
    /// Beside what signing in needs.
    pub(crate) scopes: Vec<String>,
    pub(crate) login_hint: String,
    /// Whose account is to be linked, in which session; empty: a sign-in.
    pub(crate) link_user_id: String,
    pub(crate) link_session_id: String,
    pub(crate) further: Vec<(String, String)>,
}

/// Where the browser goes, and the state that it must bring back.
///
/// # Errors
/// `PROVIDER_NOT_FOUND`, `PROVIDER_UNAVAILABLE`, `RESERVED_PARAMETER`, `VALIDATION_ERROR`,
/// `INVALID_CALLBACK_URL`.
pub(crate) async fn begin(social: &SocialCx, command: Begin) -> Result<(String, String), Error> {
    let SocialCx { cx, providers } = social;
    let provider = providers.get(&command.provider_id)?;
    for (name, value) in &command.further {
        let plain = (1..=64).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if !plain || RESERVED.contains(&name.as_str()) || value.len() > MAX_PARAM_BYTES {
            return Err(error::reserved_parameter());
        }
    }
    if command.login_hint.len() > MAX_PARAM_BYTES || command.further.len() > MAX_PARAMS {
        return Err(error::reserved_parameter());
    }
    if !command.scopes.iter().all(|scope| is_scope(scope)) || command.scopes.len() > MAX_SCOPES {
        return Err(error::invalid_query("scopes"));
    }
    let (error_url, new_user_url) = (within(command.error_url)?, within(command.new_user_url)?);
    let mut scopes = provider.scopes.clone();
    for scope in command.scopes {
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    let state = cx.entropy.alphanumeric(STATE_CHARS);
    let flow = cx.secrets.social_flow(&state);
    let asked = Authorization {
        state: &state,
        secrets: &flow,
        scopes: &scopes,
        login_hint: &command.login_hint,
        further: &command.further,
    };
    let url = provider.authorization_url(&asked).await.map_err(|failure| {
        tracing::warn!(provider = provider.id, %failure, "a provider cannot be asked");
        error::provider_unavailable()
    })?;
    let now = cx.clock.now();
    let pending = Pending {
        provider_id: provider.id.clone(),
        callback_url: callback(command.callback_url)?,
        error_url,
        new_user_url,
        link_user_id: command.link_user_id,
        link_session_id: command.link_session_id,
        scopes,
        expires_at: now + LIFETIME,
    };
    social_states::put(cx.store.pool(), &token_hash(&state), &pending, now).await?;
    Ok((url.into(), state))
}

/// RFC 6749, section 3.3.
fn is_scope(scope: &str) -> bool {
    (1..=128).contains(&scope.len())
        && scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

fn within(url: String) -> Result<String, Error> {
    if url.len() <= MAX_CALLBACK_BYTES { Ok(url) } else { Err(error::invalid_callback()) }
}
