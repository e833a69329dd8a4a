use std::time::Duration;

use chrono::TimeDelta;
use eventstore::sealing::SubjectKey;
use kernel::{Error, UserId};
use tokio::time::{Instant, sleep};

use super::SocialCx;
use crate::commands::Which;
use crate::error;
use crate::postgres::credentials;
use crate::postgres::links::{self, Link};
use crate::social::{Failure, Profile, Tokens};

/// A token with less left than this is renewed before it is handed out.
const ABOUT_TO_END: TimeDelta = TimeDelta::seconds(5);
/// Longer than a provider is waited for.
const LEASE: TimeDelta = TimeDelta::seconds(25);
/// How long to wait for another who renews, and how often to look.
const PATIENCE: Duration = Duration::from_secs(20);
const GLANCE: Duration = Duration::from_millis(100);

/// One of the user's accounts at a provider, and how fresh its token must be.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) user: UserId,
    pub(crate) which: Which,
    /// In any case; otherwise when it is about to end.
    pub(crate) refresh: bool,
}

#[derive(Clone)]
struct Account {
    link: Link,
    key: SubjectKey,
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
    let (link, tokens) = fresh(social, account, false).await?;
    let provider = social.providers.of_link(&link.provider_id, &link.issuer);
    let provider = provider.ok_or_else(error::provider_not_configured)?;
    let profile = provider.look_up(&tokens.access).await.map_err(|failure| {
        tracing::warn!(provider = provider.id, %failure, "a provider does not tell who somebody is");
        error::no_user_info()
    })?;
    if profile.subject == link.subject { Ok((link, profile)) } else { Err(error::no_user_info()) }
}

async fn find(social: &SocialCx, wanted: &Wanted, no_provider: fn() -> Error) -> Result<Account, Error> {
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
    if social.providers.of_link(&link.provider_id, &link.issuer).is_none() {
        return Err(no_provider());
    }
    let key = cx.person(user).await?.key;
    Ok(Account { link, key })
}

async fn fresh(social: &SocialCx, account: Account, always: bool) -> Result<(Link, Tokens), Error> {
    let tokens = account.link.open_tokens(&account.key).ok_or_else(error::no_access_token)?;
    let now = social.cx.clock.now();
    let ends = tokens.access_expires_at.is_some_and(|at| at - now < ABOUT_TO_END);
    if !always && (!ends || tokens.refresh.is_none()) {
        return if tokens.access.is_empty() {
            Err(error::no_access_token())
        } else {
            Ok((account.link, tokens))
        };
    }
    let refresh = tokens.refresh.ok_or_else(error::refresh_token_not_found)?;
    let renewal = Renewal { social: social.clone(), account, refresh };
    // Whoever hangs up has used the refresh token all the same: what it brought must be kept.
    let task = runtime::spawn("renewal", async move { renewal.run().await });
    let renewed = task.await.map_err(|error| {
        tracing::error!(%error, "the renewal of a token failed halfway");
        Error::internal()
    })?;
    renewed?.ok_or_else(if always { error::not_refreshed } else { error::no_access_token })
}

struct Renewal {
    social: SocialCx,
    account: Account,
    refresh: String,
}

impl Renewal {
    /// None when the provider does not renew.
    async fn run(self) -> Result<Option<(Link, Tokens)>, Error> {
        let Account { link: before, key } = &self.account;
        let cx = &self.social.cx;
        let pool = cx.store.pool();
        let started = Instant::now();
        loop {
            let now = cx.clock.now();
            if links::lease_refresh(pool, before, now, now + LEASE).await? {
                return self.renew().await;
            }
            sleep(GLANCE).await;
            let linked = links::of_user(pool, &before.user_id).await?;
            let link = linked.into_iter().find(|link| link.id == before.id);
            let link = link.ok_or_else(error::account_not_found)?;
            if link.tokens != before.tokens {
                return Ok(link.open_tokens(key).map(|tokens| (link, tokens)));
            }
            if started.elapsed() > PATIENCE {
                return Ok(None);
            }
        }
    }

    async fn renew(&self) -> Result<Option<(Link, Tokens)>, Error> {
        let Account { link: before, key } = &self.account;
        let cx = &self.social.cx;
        let renewed = match self.social.providers.of_link(&before.provider_id, &before.issuer) {
            Some(provider) => provider.refresh(&self.refresh).await,
            None => Err(Failure::Exchange("the provider is gone".to_owned())),
        };
        let link = match renewed {
            Ok(tokens) => Some(before.clone().with_tokens(&tokens, key, cx.clock.now())?),
            Err(failure) => {
                tracing::warn!(provider = before.provider_id, %failure, "a token is not renewed");
                None
            }
        };
        links::end_refresh(cx.store.pool(), before, link.as_ref()).await?;
        Ok(link.and_then(|link| link.open_tokens(key).map(|tokens| (link, tokens))))
    }
}
