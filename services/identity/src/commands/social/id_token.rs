use kernel::{Error, UserId};

use super::SocialCx;
use super::identify::{Identified, Identity, Purpose, Refusal, identify};
use crate::domain::account::Account;
use crate::domain::profile::Origin;
use crate::error;
use crate::social::Tokens;

/// Longer than any provider makes them.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// An ID token that a client got by itself.
pub(crate) struct WithIdToken {
    pub(crate) provider_id: String,
    pub(crate) id_token: String,
    /// What the client put into its request; the token must hold the same, or none.
    pub(crate) nonce: String,
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
    /// Whose account is to be linked; empty: a sign-in.
    pub(crate) link_user_id: String,
    pub(crate) origin: Origin,
}

/// Answers whom to start a session for, and whether the account is new.
///
/// # Errors
/// `PROVIDER_NOT_FOUND`, `ID_TOKEN_NOT_SUPPORTED`, `INVALID_TOKEN`, `USER_EMAIL_NOT_FOUND`,
/// `OAUTH_LINK_ERROR`; when linking `SOCIAL_ACCOUNT_ALREADY_LINKED`, `LINKING_NOT_ALLOWED`,
/// `LINKING_DIFFERENT_EMAILS_NOT_ALLOWED`.
pub(crate) async fn sign_in_with_id_token(
    social: &SocialCx,
    command: WithIdToken,
) -> Result<(Account, bool), Error> {
    let SocialCx { cx, providers } = social;
    let provider = providers.get(&command.provider_id)?;
    if command.id_token.len() > MAX_TOKEN_BYTES {
        return Err(error::invalid_token());
    }
    let told = provider.profile_of_id_token(&command.id_token, &command.nonce, &command.access_token).await;
    let profile = match told {
        None => return Err(error::id_token_not_supported()),
        Some(Err(failure)) => {
            tracing::info!(provider = provider.id, %failure, "an ID token does not hold");
            return Err(error::invalid_token());
        }
        Some(Ok(profile)) => profile,
    };
    let given = |text: String| (!text.is_empty()).then_some(text);
    let tokens = Tokens {
        access: command.access_token,
        refresh: given(command.refresh_token),
        id: Some(command.id_token),
        ..Tokens::default()
    };
    let identity = Identity { profile, tokens, scopes: Vec::new() };
    let linking = !command.link_user_id.is_empty();
    let user = UserId::from(command.link_user_id);
    let purpose =
        if linking { Purpose::Link { user: user.clone() } } else { Purpose::SignIn { callback_url: "/" } };
    match identify(cx, provider, &identity, purpose, &command.origin).await? {
        Ok(Identified::User { account, is_new }) => Ok((*account, is_new)),
        Ok(Identified::Linked) => Ok((cx.person(&user).await?.account, false)),
        Err(Refusal::NoEmail) => Err(error::user_email_not_found()),
        Err(Refusal::NotLinked) => Err(error::oauth_link_error()),
        Err(Refusal::Unverified) => Err(error::linking_not_allowed()),
        Err(Refusal::OtherEmail) => Err(error::linking_different_emails()),
        Err(Refusal::OfSomebodyElse) => Err(error::already_linked()),
    }
}
