use api::events::identity::{AccountLinked, SignInFailed, SignedIn};
use chrono::{DateTime, Utc};
use eventstore::StoreError;
use eventstore::sealing::Vault;
use kernel::{Error, UserId};

use super::super::Cx;
use super::super::held::Recorded;
use super::super::sign_up::{Registration, register};
use crate::domain::account::{
    Account, Event, Method, decide_lift_expired_ban, decide_register, decide_request_verification,
};
use crate::domain::email::EmailAddress;
use crate::domain::profile::Origin;
use crate::error;
use crate::mail::{MailKind, MailRequest};
use crate::postgres::links::{self, Link};
use crate::postgres::users::Person;
use crate::social::{Profile, Provider, Tokens};

/// Who somebody proved to be at a provider.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) profile: Profile,
    pub(crate) tokens: Tokens,
    pub(crate) scopes: Vec<String>,
}

/// What the proof is for.
#[derive(Debug)]
pub(crate) enum Purpose<'a> {
    /// `callback_url`: where the mail that proves a new user's address leads.
    SignIn {
        callback_url: &'a str,
    },
    Link {
        user: UserId,
    },
}

#[derive(Debug)]
pub(crate) enum Identified {
    User { account: Box<Account>, is_new: bool },
    Linked,
}

/// Why the proof is not enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoEmail,
    /// The address has an account here, and not both sides have proven that it is the same person's.
    NotLinked,
    /// The provider does not vouch for the address.
    Unverified,
    OtherEmail,
    OfSomebodyElse,
}

/// Often enough for those who race with themselves.
const ATTEMPTS: usize = 3;

type Outcome = Result<Result<Identified, Refusal>, Error>;

/// Whose identity it is. Its key is issuer and subject; an address alone never gives anybody an account.
pub(crate) async fn identify(
    cx: &Cx,
    provider: &Provider,
    identity: &Identity,
    purpose: Purpose<'_>,
    origin: &Origin,
) -> Outcome {
    let arrival = Arrival { cx, provider, identity, origin, now: cx.clock.now() };
    for _ in 1..ATTEMPTS {
        match arrival.proceed(&purpose).await {
            // Whoever was faster left something to be found now.
            Err(error) if error.reason == error::identity_taken().reason => {}
            outcome => return outcome,
        }
    }
    arrival.proceed(&purpose).await
}

struct Arrival<'a> {
    cx: &'a Cx,
    provider: &'a Provider,
    identity: &'a Identity,
    origin: &'a Origin,
    now: DateTime<Utc>,
}

impl Arrival<'_> {
    async fn proceed(&self, purpose: &Purpose<'_>) -> Outcome {
        let subject = &self.identity.profile.subject;
        let known = links::find(self.cx.store.pool(), &self.provider.issuer, subject).await?;
        match (purpose, known) {
            (Purpose::Link { user }, known) => self.link(user, known).await,
            (Purpose::SignIn { .. }, Some(link)) => self.return_to(link).await,
            (Purpose::SignIn { callback_url }, None) => self.come(callback_url).await,
        }
    }

    /// Somebody whose identity is linked signs in.
    async fn return_to(&self, known: Link) -> Outcome {
        let mut held = self.cx.hold(&known.user_id).await?;
        // Under the stream's lock: the identity opens this account still.
        let link = links::find(held.opened.reader(), &known.issuer, &known.subject).await?;
        let Some(link) = link.filter(|link| link.id == known.id) else {
            held.let_go().await;
            return Err(error::identity_taken());
        };
        let before = held.account().clone();
        let lifted = decide_lift_expired_ban(&before, self.now);
        let account = match lifted {
            Some(_) => Account { ban: None, updated_at: self.now, ..before },
            None => before,
        };
        let lifts = lifted.is_some();
        let mut events: Vec<Event> = lifted.into_iter().collect();
        events.push(self.signed_in(&account));
        let (mut recorded, person) = self.record(held, &events).await?;
        // Two registrations may share an issuer; the tokens of one are of no use to the other.
        if link.provider_id == self.provider.id {
            let link = self.with_tokens(link, &person)?;
            links::save_tokens(recorded.tx(), &link).await?;
        }
        if lifts {
            let person = Person { account: account.clone(), key: person.key };
            recorded.save(self.cx, &person, self.now).await?;
        }
        recorded.commit().await?;
        Ok(Ok(Identified::User { account: Box::new(account), is_new: false }))
    }

    /// An identity that is not linked: somebody new, or the owner of an address that both sides know.
    async fn come(&self, callback_url: &str) -> Outcome {
        let Some(email) = self.email() else { return Ok(Err(Refusal::NoEmail)) };
        let Some(local) = self.cx.by_email(&email).await? else {
            return self.register(&email, callback_url).await;
        };
        let held = self.cx.hold(&local.account.id).await?;
        let account = held.account().clone();
        // Under the stream's lock: neither proof is withdrawn meanwhile.
        let proven = self.identity.profile.email_verified && account.email_verified;
        if !proven || account.email != email.as_str() {
            held.let_go().await;
            return Ok(Err(Refusal::NotLinked));
        }
        if account.banned(self.now).is_some() {
            // Nothing is added to an account that nobody may enter.
            let (recorded, _) = self.record(held, &[self.signed_in(&account)]).await?;
            recorded.commit().await?;
            return Ok(Ok(Identified::User { account: Box::new(account), is_new: false }));
        }
        let id = self.cx.row_id();
        let events = [self.linked(&account, &id, "sign_in"), self.signed_in(&account)];
        let (recorded, person) = self.record(held, &events).await?;
        self.insert(recorded, &person, id).await?;
        Ok(Ok(Identified::User { account: Box::new(account), is_new: false }))
    }

    async fn register(&self, email: &EmailAddress, callback_url: &str) -> Outcome {
        let Identity { profile, .. } = self.identity;
        let id = UserId::generate(&*self.cx.entropy);
        let fresh = Account::new(id, email.to_string(), profile.name.clone(), self.now);
        let mut account =
            Account { image: profile.image.clone(), email_verified: profile.email_verified, ..fresh };
        let link_id = self.cx.row_id();
        let mut events = decide_register(&account, Method::Social { provider: &self.provider.id });
        events.push(self.linked(&account, &link_id, "sign_up"));
        events.push(self.signed_in(&account));
        let asks = decide_request_verification(&account, self.now);
        let mails = asks.is_some();
        events.extend(asks);
        account.mail_asked_at = mails.then_some(self.now);
        let registration =
            Registration { account, events, credential: None, actor: None, origin: self.origin.clone() };
        let (mut recorded, person) = match register(self.cx, registration).await {
            Ok(registered) => registered,
            // In this moment somebody took the address, perhaps they themselves.
            Err(error) if error.reason == error::user_exists().reason => {
                return Err(error::identity_taken());
            }
            Err(error) => return Err(error),
        };
        if mails {
            let callback = callback_url.to_owned();
            let mail = MailRequest::new(&person.account, MailKind::VerifyEmail, callback, self.now);
            recorded.mail(&mail).await?;
        }
        if let Err(error) = self.insert(recorded, &person, link_id).await {
            // Nothing was sealed for good with the key of an account that there is not.
            let mut connection = self.cx.store.pool().acquire().await.map_err(StoreError::from)?;
            Vault::destroy(&mut connection, person.account.id.as_str()).await?;
            return Err(error);
        }
        Ok(Ok(Identified::User { account: Box::new(person.account), is_new: true }))
    }

    /// A signed-in user adds a way to sign in.
    async fn link(&self, user: &UserId, known: Option<Link>) -> Outcome {
        let held = self.cx.hold(user).await?;
        let account = held.account().clone();
        let refusal = match (self.email(), &known) {
            (None, _) => Some(Refusal::NoEmail),
            _ if !self.identity.profile.email_verified => Some(Refusal::Unverified),
            (Some(email), _) if email.as_str() != account.email => Some(Refusal::OtherEmail),
            (_, Some(link)) if link.user_id != *user => Some(Refusal::OfSomebodyElse),
            _ => None,
        };
        if let Some(refusal) = refusal {
            held.let_go().await;
            return Ok(Err(refusal));
        }
        if let Some(link) = known {
            let own = link.provider_id == self.provider.id;
            let link = self.with_tokens(link, &held.person)?;
            held.let_go().await;
            if own {
                links::save_tokens(self.cx.store.pool(), &link).await?;
            }
            return Ok(Ok(Identified::Linked));
        }
        let id = self.cx.row_id();
        let (recorded, person) = self.record(held, &[self.linked(&account, &id, "link")]).await?;
        self.insert(recorded, &person, id).await?;
        Ok(Ok(Identified::Linked))
    }

    fn email(&self) -> Option<EmailAddress> {
        EmailAddress::parse(self.identity.profile.email.as_deref()?).ok()
    }

    async fn record(
        &self,
        held: super::super::Held,
        events: &[Event],
    ) -> Result<(Recorded, Person), StoreError> {
        let personal = held.account().personal(self.origin);
        let user = held.account().id.to_string();
        held.record(events, &personal, Some(&user), self.now).await
    }

    async fn insert(&self, mut recorded: Recorded, person: &Person, id: String) -> Result<(), Error> {
        let link = Link {
            id,
            user_id: person.account.id.clone(),
            provider_id: self.provider.id.clone(),
            issuer: self.provider.issuer.clone(),
            subject: self.identity.profile.subject.clone(),
            scopes: self.identity.scopes.clone(),
            tokens: None,
            access_expires_at: None,
            refresh_expires_at: None,
            created_at: self.now,
            updated_at: self.now,
        };
        let link = self.with_tokens(link, person)?;
        links::insert(recorded.tx(), &link).await.map_err(|error| {
            // Linked by another request in this moment.
            if error.unique_violation() == Some("linked_accounts_identity") {
                error::identity_taken()
            } else {
                error.into()
            }
        })?;
        recorded.commit().await
    }

    fn with_tokens(&self, link: Link, person: &Person) -> Result<Link, Error> {
        link.with_tokens(&self.identity.tokens, &person.key, self.now)
    }

    fn linked(&self, account: &Account, id: &str, method: &str) -> Event {
        Event::AccountLinked(AccountLinked {
            user_id: account.id.to_string(),
            account_id: id.to_owned(),
            provider_id: self.provider.id.clone(),
            method: method.to_owned(),
        })
    }

    /// Or that a ban forbids it, which is said when the session starts.
    fn signed_in(&self, account: &Account) -> Event {
        if account.banned(self.now).is_some() {
            return Event::SignInFailed(SignInFailed {
                user_id: account.id.to_string(),
                reason: "banned".to_owned(),
                ..SignInFailed::default()
            });
        }
        Event::SignedIn(SignedIn {
            user_id: account.id.to_string(),
            method: "social".to_owned(),
            provider_id: self.provider.id.clone(),
            hash_upgraded: false,
        })
    }
}
