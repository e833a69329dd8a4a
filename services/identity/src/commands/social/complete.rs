use aws_lc_rs::constant_time::verify_slices_are_equal;
use kernel::{Error, ErrorCode, UserId};

use super::SocialCx;
use super::identify::{Identified, Identity, Purpose, Refusal, identify};
use crate::domain::account::Account;
use crate::domain::profile::Origin;
use crate::postgres::social_states::{self, Pending};
use crate::secrets::token_hash;
use crate::social::{Failure, Provider};

/// Longest description that is handed on.
const MAX_DESCRIPTION_CHARS: usize = 200;
const MAX_STATE_BYTES: usize = 128;
const MAX_CODE_BYTES: usize = 4096;

/// What the browser brought back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) provider_id: String,
    pub(crate) state: String,
    /// Of the browser's own cookie.
    pub(crate) browser_state: String,
    pub(crate) code: String,
    pub(crate) error: String,
    pub(crate) error_description: String,
    pub(crate) iss: Option<String>,
    /// The browser's live session, if it has one.
    pub(crate) session_id: String,
    pub(crate) origin: Origin,
}

/// Where the browser goes now.
#[derive(Debug, Default)]
pub(crate) struct Completed {
    pub(crate) redirect_to: String,
    /// A code of the Better-Auth contract, section 5; empty: none.
    pub(crate) error: String,
    pub(crate) error_description: String,
    /// Where to go when no session can be started.
    pub(crate) error_url: String,
    /// Whom to start a session for.
    pub(crate) account: Option<Account>,
    pub(crate) linked: bool,
}

/// A failure that the browser is told of.
struct Failed {
    code: String,
    description: String,
}

impl From<&'static str> for Failed {
    fn from(code: &'static str) -> Self {
        Self { code: code.to_owned(), description: String::new() }
    }
}

/// Finishes what [`super::begin`] began. The state is good once, in the browser that began, at the
/// provider that was asked.
pub(crate) async fn complete(social: &SocialCx, answer: Answer) -> Result<Completed, Error> {
    let cx = &social.cx;
    let same = verify_slices_are_equal(answer.state.as_bytes(), answer.browser_state.as_bytes()).is_ok();
    if !same || answer.state.len() > MAX_STATE_BYTES {
        return Ok(failed(String::new(), "state_mismatch".into()));
    }
    let now = cx.clock.now();
    let Some(pending) = social_states::take(cx.store.pool(), &token_hash(&answer.state), now).await? else {
        return Ok(failed(String::new(), "state_mismatch".into()));
    };
    let error_url = pending.error_url.clone();
    match finish(social, &answer, &pending).await? {
        Err(failure) => Ok(failed(error_url, failure)),
        Ok(Identified::Linked) => {
            Ok(Completed { redirect_to: pending.callback_url, linked: true, ..Completed::default() })
        }
        Ok(Identified::User { account, is_new }) => {
            let new_user = is_new && !pending.new_user_url.is_empty();
            let redirect_to = if new_user { pending.new_user_url } else { pending.callback_url };
            Ok(Completed { redirect_to, error_url, account: Some(*account), ..Completed::default() })
        }
    }
}

fn failed(redirect_to: String, Failed { code, description }: Failed) -> Completed {
    Completed { redirect_to, error: code, error_description: description, ..Completed::default() }
}

async fn finish(
    social: &SocialCx,
    answer: &Answer,
    pending: &Pending,
) -> Result<Result<Identified, Failed>, Error> {
    if answer.provider_id != pending.provider_id {
        return Ok(Err("state_mismatch".into()));
    }
    let Ok(provider) = social.providers.get(&pending.provider_id) else {
        return Ok(Err("oauth_provider_not_found".into()));
    };
    if !answer.error.is_empty() {
        // Whoever answers in the name of another does not get a word in (RFC 9207, section 2.4).
        if answer.iss.as_deref().is_some_and(|iss| !provider.is_named(iss)) {
            return Ok(Err("issuer_mismatch".into()));
        }
        return Ok(Err(of_provider(&answer.error, &answer.error_description)));
    }
    if !provider.answered_by(answer.iss.as_deref()).await {
        return Ok(Err("issuer_mismatch".into()));
    }
    if answer.code.is_empty() {
        return Ok(Err("no_code".into()));
    }
    if answer.code.len() > MAX_CODE_BYTES {
        return Ok(Err("invalid_code".into()));
    }
    let of_session = !pending.link_session_id.is_empty() && pending.link_session_id == answer.session_id;
    let purpose = if pending.link_user_id.is_empty() {
        Purpose::SignIn { callback_url: &pending.callback_url }
    } else if of_session {
        Purpose::Link { user: UserId::from(pending.link_user_id.as_str()) }
    } else {
        // Whose session ended meanwhile, or who is somebody else by now.
        return Ok(Err("unable_to_link_account".into()));
    };
    let identity = match ask(social, provider, answer, pending).await {
        Ok(identity) => identity,
        Err(failure) => {
            tracing::warn!(provider = provider.id, %failure, "a sign-in at a provider failed");
            return Ok(Err(match failure {
                Failure::Exchange(_) => "invalid_code".into(),
                Failure::Profile(_) => "unable_to_get_user_info".into(),
                Failure::Unbound => "nonce_binding_missing".into(),
            }));
        }
    };
    match identify(&social.cx, provider, &identity, purpose, &answer.origin).await {
        Ok(Ok(identified)) => Ok(Ok(identified)),
        Ok(Err(refusal)) => Ok(Err(code_of(refusal).into())),
        // Lost races and erased users end here; what is away is told as such.
        Err(error) if matches!(error.code, ErrorCode::Conflict | ErrorCode::NotFound) => {
            Ok(Err("unable_to_link_account".into()))
        }
        Err(error) => Err(error),
    }
}

async fn ask(
    social: &SocialCx,
    provider: &Provider,
    answer: &Answer,
    pending: &Pending,
) -> Result<Identity, Failure> {
    let flow = social.cx.secrets.social_flow(&answer.state);
    let tokens = provider.exchange(&answer.code, &flow).await?;
    let profile = provider.profile(&tokens, &flow.nonce).await?;
    let scopes = tokens.scopes.clone().unwrap_or_else(|| pending.scopes.clone());
    Ok(Identity { profile, tokens, scopes })
}

/// The contract's word for a refusal (section 5).
fn code_of(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NoEmail => "email_not_found",
        Refusal::NotLinked => "account_not_linked",
        Refusal::Unverified => "unable_to_link_account",
        Refusal::OtherEmail => "email_does_not_match",
        Refusal::OfSomebodyElse => "account_already_linked_to_different_user",
    }
}

/// The provider's own words, as far as they are harmless (RFC 6749, section 4.1.2.1).
fn of_provider(code: &str, description: &str) -> Failed {
    let plain = code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'.');
    let description = description.chars().filter(|c| matches!(c, ' '..='~')).take(MAX_DESCRIPTION_CHARS);
    Failed {
        code: if plain { code.to_owned() } else { "invalid_callback_request".to_owned() },
        description: description.collect(),
    }
}
