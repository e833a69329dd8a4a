use std::time::Duration;

use kernel::Error;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, sleep};

use super::{Cx, append, meta};
use crate::domain::account::{Account, Attempt};
use crate::domain::email::EmailAddress;
use crate::domain::lockout::{Refusal, Verdict};
use crate::domain::password;
use crate::domain::profile::Origin;
use crate::error;
use crate::postgres::{guards, users};

/// How long a guess waits for others at the same address, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(3);
const GLANCE: Duration = Duration::from_millis(25);

#[derive(Debug)]
pub(crate) struct SignIn {
    pub(crate) email: String,
    pub(crate) password: SecretString,
    pub(crate) origin: Origin,
}

/// Proves a password.
///
/// An address without an account takes every step of one that has: the same statements, a hash of
/// the same cost, the same lock after the same number of guesses.
pub(crate) async fn sign_in(cx: &Cx, command: SignIn) -> Result<Account, Error> {
    let email = EmailAddress::parse(&command.email)?;
    password::check_length(command.password.expose_secret())?;
    let cx = cx.clone();
    // In a task of its own: who hangs up while the guess is verified has made it all the same.
    let attempt = runtime::spawn("sign-in", async move { attempt(&cx, email, command).await });
    attempt.await.map_err(|error| {
        tracing::error!(%error, "a sign-in failed halfway");
        Error::internal()
    })?
}

async fn attempt(cx: &Cx, email: EmailAddress, command: SignIn) -> Result<Account, Error> {
    let key = cx.secrets.address_key(&email);
    let (account, hash) = match users::find_login(cx.store.pool(), email.as_str()).await? {
        Some(login) => (Some(login.account), login.password_hash),
        None => (None, None),
    };
    let stream = account.as_ref().map_or_else(|| format!("unknown-{key}"), Account::stream);
    let who =
        Attempt { user: account.as_ref().map(|account| &account.id), email: &email, origin: &command.origin };
    let guess = Guess { cx, key: &key, stream: &stream, who };

    if let Err(refusal) = guess.reserve().await? {
        return Err(guess.refuse(refusal).await?);
    }
    let right = match guess.verify(command.password, hash).await {
        Ok(right) => right,
        Err(error) => {
            guards::release(cx.store.pool(), &key).await?;
            return Err(error);
        }
    };
    let verdict = guess.settle(right).await?;
    let now = cx.clock.now();
    match (verdict, account) {
        (Verdict::SignedIn, Some(account)) => {
            count("signed_in");
            Ok(account)
        }
        (Verdict::Locked { until, .. } | Verdict::Refused { until }, _) => {
            count("locked");
            Err(error::account_locked(until, now))
        }
        (Verdict::SignedIn | Verdict::Failed { .. }, _) => {
            count("failed");
            Err(error::invalid_email_or_password())
        }
    }
}

/// One guess at one address.
struct Guess<'a> {
    cx: &'a Cx,
    key: &'a str,
    stream: &'a str,
    who: Attempt<'a>,
}

impl Guess<'_> {
    /// Waits while the guesses in flight may use up what is left: were they refused, someone who
    /// signs in from many places at once would be told of a lock that is none.
    async fn reserve(&self) -> Result<Result<(), Refusal>, Error> {
        let started = Instant::now();
        loop {
            let outcome = guards::reserve(self.cx.store.pool(), self.key, self.cx.clock.now()).await?;
            if outcome != Err(Refusal::Busy) || started.elapsed() > PATIENCE {
                return Ok(outcome);
            }
            sleep(GLANCE).await;
        }
    }

    async fn verify(&self, password: SecretString, hash: Option<String>) -> Result<bool, Error> {
        let ticket = self.cx.hasher.admit()?;
        self.cx.hasher.verify(ticket, password, hash).await
    }

    /// Records a guess that was not looked at and says why it was not.
    async fn refuse(&self, refusal: Refusal) -> Result<Error, Error> {
        let Refusal::Locked { until } = refusal else { return Ok(error::too_many_at_once()) };
        count("locked");
        let now = self.cx.clock.now();
        let mut opened = self.cx.store.open(self.stream).await?;
        let failures = guards::find(opened.reader(), self.key).await?.failures;
        let events = [self.who.refused(failures)];
        append(opened, &events, &meta(now, self.who.user)).await?.commit().await?;
        Ok(error::account_locked(until, now))
    }

    async fn settle(&self, right: bool) -> Result<Verdict, Error> {
        let now = self.cx.clock.now();
        let mut opened = self.cx.store.open(self.stream).await?;
        let (guard, verdict) = guards::find(opened.reader(), self.key).await?.settle(right, now);
        let mut appended = append(opened, &self.who.settled(verdict), &meta(now, self.who.user)).await?;
        guards::settle(appended.tx(), self.key, &guard).await?;
        appended.commit().await?;
        Ok(verdict)
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("identity_sign_ins_total", "outcome" => outcome).increment(1);
}
