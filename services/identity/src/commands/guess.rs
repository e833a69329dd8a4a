use std::time::Duration;

use api::common::Personal;
use chrono::{DateTime, Utc};
use eventstore::sealing::SubjectKey;
use eventstore::{Appended, Opened, Private};
use kernel::{Error, EventCodec, NewEvent};
use prost::Message;
use secrecy::SecretString;
use tokio::time::{Instant, sleep};

use super::{Cx, meta};
use crate::domain::account::{Account, Event, decide_lift_expired_ban};
use crate::domain::attempt::{Attempt, Path};
use crate::domain::email::EmailAddress;
use crate::domain::lockout::{Refusal, Verdict};
use crate::domain::profile::Origin;
use crate::error;
use crate::hasher::Verified;
use crate::mail::{self, MailKind, MailRequest};
use crate::postgres::credentials::{self, Credential};
use crate::postgres::guards;
use crate::postgres::users::{self, Person};

/// How long a guess waits for others at the same address, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(3);
const GLANCE: Duration = Duration::from_millis(25);

/// Whose password is guessed.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) email: EmailAddress,
    pub(crate) person: Option<Person>,
    pub(crate) credential: Option<Credential>,
}

/// One guess at one password. Every path that takes a password goes through here, so that none
/// offers guesses beside the count.
pub(crate) struct Guess {
    pub(crate) cx: Cx,
    pub(crate) target: Target,
    pub(crate) path: Path,
    pub(crate) device_token: String,
    pub(crate) origin: Origin,
}

impl Guess {
    /// As [`Self::take`], in a task of its own: who hangs up while the guess is verified has made
    /// it all the same.
    pub(crate) async fn make(self, password: SecretString) -> Result<Person, Error> {
        let guess = runtime::spawn("guess", async move { self.take(password).await });
        guess.await.map_err(|error| {
            tracing::error!(%error, "a guess failed halfway");
            Error::internal()
        })?
    }

    /// Takes the guess: the account if the password is right and may be used now. Its session epoch
    /// is the one in which the password was proven.
    ///
    /// An address without an account takes every step of one that has: the same statements, a hash
    /// of the same cost, the same lock after the same number of guesses.
    ///
    /// # Errors
    /// `INVALID_EMAIL_OR_PASSWORD`, `ACCOUNT_LOCKED`, `SIGN_IN_BUSY`, `HASH_QUEUE_FULL`,
    /// `BANNED_USER`.
    async fn take(&self, password: SecretString) -> Result<Person, Error> {
        let key = self.guard_key();
        if let Err(refusal) = self.reserve(&key).await? {
            return Err(self.refuse(&key, refusal).await?);
        }
        let verified = match self.verify(password.clone()).await {
            Ok(verified) => verified,
            Err(error) => {
                guards::release(self.cx.store.pool(), &key).await?;
                return Err(error);
            }
        };
        let stronger = match verified {
            Verified::Right { upgrade: true } => self.upgraded(password).await,
            Verified::Right { upgrade: false } | Verified::Wrong => None,
        };
        match self.settle(&key, verified, stronger).await? {
            (Settled::Right, Some(person)) => {
                count("signed_in");
                Ok(person)
            }
            (Settled::Banned, _) => {
                count("banned");
                Err(error::banned_user())
            }
            (Settled::Locked(until), _) => {
                count("locked");
                Err(error::account_locked(until, self.cx.clock.now()))
            }
            (Settled::Right | Settled::Wrong, _) => {
                count("failed");
                Err(error::invalid_email_or_password())
            }
        }
    }

    /// A device on which the user signed in before has guesses of its own: strangers cannot lock
    /// it out.
    fn guard_key(&self) -> String {
        let address = self.cx.secrets.address_key(&self.target.email);
        match self.device() {
            Some(device) => format!("{address}/{device}"),
            None => address,
        }
    }

    fn device(&self) -> Option<&str> {
        let person = self.target.person.as_ref()?;
        self.cx.secrets.known_device(&self.device_token, &person.account)
    }

    fn attempt(&self) -> Attempt<'_> {
        Attempt {
            user: self.target.person.as_ref().map(|person| &person.account.id),
            path: self.path,
            known_device: self.device().is_some(),
        }
    }

    /// Waits while the guesses in flight may use up what is left: were they refused, someone who
    /// signs in from many places at once would be told of a lock that is none.
    async fn reserve(&self, key: &str) -> Result<Result<(), Refusal>, Error> {
        let started = Instant::now();
        loop {
            let outcome = guards::reserve(self.cx.store.pool(), key, self.cx.clock.now()).await?;
            if outcome != Err(Refusal::Busy) || started.elapsed() > PATIENCE {
                return Ok(outcome);
            }
            sleep(GLANCE).await;
        }
    }

    async fn verify(&self, password: SecretString) -> Result<Verified, Error> {
        let ticket = self.cx.hasher.admit()?;
        let stored = self.target.credential.as_ref().map(|credential| credential.hash.clone());
        self.cx.hasher.verify(ticket, password, stored).await
    }

    /// A stronger hash of the same password; none when there is no room for it now: the next
    /// sign-in tries again.
    async fn upgraded(&self, password: SecretString) -> Option<String> {
        let ticket = self.cx.hasher.admit().ok()?;
        self.cx.hasher.hash(ticket, password, &*self.cx.entropy).await.ok()
    }

    /// Records a guess that was not looked at and says why it was not.
    async fn refuse(&self, key: &str, refusal: Refusal) -> Result<Error, Error> {
        let Refusal::Locked { until } = refusal else { return Ok(error::too_many_at_once()) };
        count("locked");
        let failures = guards::find(self.cx.store.pool(), key).await?.failures;
        let now = self.cx.clock.now();
        let seal = self.seal(now).await?;
        let opened = self.cx.store.open(&self.stream()).await?;
        let refused = self.attempt().refused("locked", failures);
        self.append(opened, &[refused], &seal, now).await?.commit().await?;
        Ok(error::account_locked(until, now))
    }

    /// Under the stream's lock, where account and password are what they are now: a ban that came
    /// meanwhile holds, and a password that was replaced meanwhile is wrong.
    async fn settle(
        &self,
        key: &str,
        verified: Verified,
        stronger: Option<String>,
    ) -> Result<(Settled, Option<Person>), Error> {
        let now = self.cx.clock.now();
        let seal = self.seal(now).await?;
        let mut opened = self.cx.store.open(&self.stream()).await?;
        let person = match &self.target.person {
            Some(person) => users::find(opened.reader(), &self.cx.vault, &person.account.id).await?,
            None => None,
        };
        let right = matches!(verified, Verified::Right { .. }) && self.stands(&mut opened).await?;
        let stronger = stronger.filter(|_| right);
        let (guard, verdict) = guards::find(opened.reader(), key).await?.settle(right, now);
        let (mut events, settled) = self.judge(verdict, person.as_ref(), stronger.is_some());
        let lifted = person.as_ref().and_then(|person| decide_lift_expired_ban(&person.account, now));
        let lifted = lifted.filter(|_| settled == Settled::Right && self.path == Path::SignIn);
        let lift = lifted.is_some();
        events.splice(0..0, lifted);
        let mut appended = self.append(opened, &events, &seal, now).await?;
        guards::settle(appended.tx(), key, &guard).await?;
        if let (Some(hash), Some(person), Some(old)) = (&stronger, &person, &self.target.credential) {
            credentials::upgrade(appended.tx(), &person.account.id, &old.hash, hash).await?;
        }
        if let (true, Some(person)) = (lift, &person) {
            let account = Account { ban: None, updated_at: now, ..person.account.clone() };
            let address_key = self.cx.secrets.key_of(&account.email);
            let person = Person { account, key: person.key.clone() };
            users::save(appended.tx(), &person, &address_key, now).await?;
        }
        self.tell_of_lock(&mut appended, verdict, now).await?;
        appended.commit().await?;
        Ok((settled, person))
    }

    /// Whether the password that was verified is still the account's.
    async fn stands(&self, opened: &mut Opened) -> Result<bool, Error> {
        let (Some(person), Some(verified)) = (&self.target.person, &self.target.credential) else {
            return Ok(false);
        };
        let stored = credentials::find(opened.reader(), &person.account.id).await?;
        Ok(stored.is_some_and(|stored| stored.changed_at == verified.changed_at))
    }

    /// A lock that just closed is said to the account's owner, who may know nothing of the guesses.
    async fn tell_of_lock(
        &self,
        appended: &mut Appended,
        verdict: Verdict,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let (Verdict::Locked { .. }, Some(person)) = (verdict, &self.target.person) else { return Ok(()) };
        let notice = MailRequest::new(&person.account, MailKind::AccountLocked, String::new(), now);
        mail::enqueue(appended, &self.stream(), &notice).await
    }

    /// What the verdict comes to, with the events that say so.
    fn judge(&self, verdict: Verdict, person: Option<&Person>, upgraded: bool) -> (Vec<Event>, Settled) {
        let now = self.cx.clock.now();
        let attempt = self.attempt();
        let banned = person.is_some_and(|person| person.account.banned(now).is_some());
        let settled = match verdict {
            Verdict::SignedIn if banned => return (vec![attempt.refused("banned", 0)], Settled::Banned),
            Verdict::SignedIn if person.is_some() => Settled::Right,
            Verdict::SignedIn | Verdict::Failed { .. } => Settled::Wrong,
            Verdict::Locked { until, .. } | Verdict::Refused { until } => Settled::Locked(until),
        };
        (attempt.settled(verdict, upgraded), settled)
    }

    async fn append(
        &self,
        opened: Opened,
        events: &[Event],
        seal: &SubjectKey,
        now: DateTime<Utc>,
    ) -> Result<Appended, Error> {
        let encoded: Vec<NewEvent> = events.iter().map(EventCodec::encode).collect();
        let private = Private { key: seal, plain: &self.personal().encode_to_vec() };
        let user = self.target.person.as_ref().map(|person| &person.account.id);
        Ok(opened.append_sealed(&encoded, &meta(now, user), &private).await?)
    }

    fn stream(&self) -> String {
        match &self.target.person {
            Some(person) => person.account.stream(),
            None => format!("unknown-{}", self.cx.secrets.address_key(&self.target.email)),
        }
    }

    /// The key that seals what the events say: the person's, or one of the address. Asked for before
    /// the stream is opened: who holds a stream and waits for a second connection stops everybody.
    async fn seal(&self, now: DateTime<Utc>) -> Result<SubjectKey, Error> {
        if let Some(person) = &self.target.person {
            return Ok(person.key.clone());
        }
        let subject = super::subject_of_address(&self.cx.secrets.address_key(&self.target.email));
        Ok(self.cx.vault.key(self.cx.store.pool(), &subject, now).await?)
    }

    fn personal(&self) -> Personal {
        Personal {
            email: self.target.email.to_string(),
            ip: self.origin.ip.clone(),
            user_agent: self.origin.user_agent.clone(),
            ..Personal::default()
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settled {
    Right,
    Wrong,
    Banned,
    Locked(DateTime<Utc>),
}

fn count(outcome: &'static str) {
    metrics::counter!("identity_sign_ins_total", "outcome" => outcome).increment(1);
}
