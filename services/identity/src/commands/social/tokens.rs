use chrono::TimeDelta;
use eventstore::StoreError;
use kernel::{Error, UserId};

use super::SocialCx;
use crate::commands::Which;
use crate::error;
use crate::postgres::credentials;
use crate::postgres::links::{self, Link};
use crate::postgres::users::Person;
use crate::social::{Profile, Provider, Tokens};

/// A token with less left than this is renewed before it is handed out.
const ABOUT_TO_END: TimeDelta = TimeDelta::seconds(5);

/// One of the user's accounts at a provider, and how fresh its token must be.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) user: UserId,
    pub(crate) which: Which,
    /// In any case; otherwise when it is about to end.
    pub(crate) refresh: bool,
}

struct Account<'a> {
    link: Link,
    person: Person,
    provider: &'a Provider,
}

/// The tokens that a provider gave.
///
/// # Errors
/// `ACCOUNT_NOT_FOUND`, `PROVIDER_NOT_SUPPORTED`, `REFRESH_TOKEN_NOT_FOUND`,
/// `FAILED_TO_GET_ACCESS_TOKEN`, `FAILED_TO_REFRESH_ACCESS_TOKEN`.
pub(crate) async fn provider_tokens(social: &SocialCx, wanted: Wanted) -> Result<(Link, Tokens), Error> {
    let account = find(social, &wanted, error::provider_not_supported).await?;
    fresh(social, account, wanted.refresh).await
}

/// What the provider says of the user now.
///
/// # Errors
/// `ACCOUNT_NOT_FOUND`, `PROVIDER_NOT_CONFIGURED`, `FAILED_TO_GET_ACCESS_TOKEN`,
/// `FAILED_TO_GET_USER_INFO`.
pub(crate) async fn account_info(social: &SocialCx, wanted: Wanted) -> Result<(Link, Profile), Error> {
    let account = find(social, &wanted, error::provider_not_configured).await?;
    let provider = account.provider;
    let (link, tokens) = fresh(social, account, false).await?;
    let profile = provider.look_up(&tokens.access).await.map_err(|failure| {
        tracing::warn!(provider = provider.id, %failure, "a provider does not tell who somebody is");
        error::no_user_info()
    })?;
    if profile.subject == link.subject { Ok((link, profile)) } else { Err(error::no_user_info()) }
}

async fn find<'a>(
    social: &'a SocialCx,
    wanted: &Wanted,
    no_provider: fn() -> Error,
) -> Result<Account<'a>, Error> {
    let cx = &social.cx;
    let Wanted { user, which, .. } = wanted;
    let linked = links::of_user(cx.store.pool(), user).await?;
    let found = linked.into_iter().find(|link| which.names(&link.id, &link.provider_id, &link.subject));
    let Some(link) = found else {
        let credential = credentials::find(cx.store.pool(), user).await?;
        let password =
            credential.is_some_and(|credential| which.names(&credential.id, "credential", user.as_str()));
        return Err(if password { no_provider() } else { error::account_not_found() });
    };
    let provider = social.all().iter().find(|provider| provider.id == link.provider_id);
    let provider = provider.ok_or_else(no_provider)?;
    let person = cx.person(user).await?;
    Ok(Account { link, person, provider })
}

async fn fresh(
    social: &SocialCx,
    Account { link, person, provider }: Account<'_>,
    always: bool,
) -> Result<(Link, Tokens), Error> {
    let cx = &social.cx;
    let now = cx.clock.now();
    let tokens = link.open_tokens(&person.key).ok_or_else(error::no_access_token)?;
    let ends = tokens.access_expires_at.is_some_and(|at| at - now < ABOUT_TO_END);
    let renews = always || (ends && tokens.refresh.is_some());
    if !renews {
        return if tokens.access.is_empty() { Err(error::no_access_token()) } else { Ok((link, tokens)) };
    }
    let Some(refresh) = tokens.refresh.clone() else { return Err(error::refresh_token_not_found()) };
    let renewed = provider.refresh(&refresh).await.map_err(|failure| {
        tracing::warn!(provider = provider.id, %failure, "a provider does not renew a token");
        if always { error::not_refreshed() } else { error::no_access_token() }
    })?;
    // What the answer leaves out stays as it was (RFC 6749, section 6).
    let renewed =
        Tokens { refresh: renewed.refresh.or(Some(refresh)), id: renewed.id.or(tokens.id), ..renewed };
    let link = link.with_tokens(&renewed, &person.key, now)?;
    let mut connection = cx.store.pool().acquire().await.map_err(StoreError::from)?;
    links::save_tokens(&mut connection, &link).await?;
    Ok((link, renewed))
}
