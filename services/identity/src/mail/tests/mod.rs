//! The effect with a context, a mailer and a site of its own.

mod delivery;
mod letters;
mod resend;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, TimeZone, Utc};
use eventstore::effects::{Effect, EffectError};
use kernel::Error;
use url::Url;

use super::{Mail, MailContext, MailEffect, MailError, MailKind, MailRequest, Mailer, Recipient, Site};

const KINDS: [MailKind; 8] = [
    MailKind::VerifyEmail,
    MailKind::ResetPassword,
    MailKind::ChangeEmailConfirm,
    MailKind::ChangeEmailVerify,
    MailKind::DeleteAccount,
    MailKind::PasswordChanged,
    MailKind::EmailChanged,
    MailKind::AccountLocked,
];
const KEY: &str = "user-u1/2/verify_email";

/// Keeps what it is given, and answers as told.
#[derive(Debug, Default)]
struct Outbox {
    mails: Mutex<Vec<Mail>>,
    refusal: Option<MailError>,
}

#[async_trait]
impl Mailer for Outbox {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.mails.lock().unwrap().push(mail.clone());
        self.refusal.clone().map_or(Ok(()), Err)
    }
}

/// A context that knows one person.
#[derive(Debug)]
struct Known {
    recipient: Result<Option<Recipient>, Error>,
    link: Result<Option<Url>, Error>,
}

#[async_trait]
impl MailContext for Known {
    async fn recipient(&self, _: &MailRequest) -> Result<Option<Recipient>, Error> {
        self.recipient.clone()
    }

    async fn link(&self, _: &MailRequest, _: &Recipient) -> Result<Option<Url>, Error> {
        self.link.clone()
    }
}

fn known() -> Known {
    Known { recipient: Ok(Some(ada())), link: Ok(Some(url("https://learn.example.com/api/auth/x?token=t"))) }
}

fn ada() -> Recipient {
    Recipient {
        email: "ada@example.com".to_owned(),
        name: "Ada Lovelace".to_owned(),
        new_email: Some("lovelace@example.org".to_owned()),
    }
}

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

fn at() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 5, 9, 0, 0).unwrap()
}

fn request(kind: MailKind) -> MailRequest {
    MailRequest {
        user_id: "u1".to_owned(),
        kind,
        callback_url: "/".to_owned(),
        requested_at: at(),
        epoch: 1,
        sealed: None,
    }
}

fn effect(mailer: Arc<dyn Mailer>, context: Known) -> MailEffect {
    let site = Site::new(&url("https://learn.example.com")).unwrap();
    MailEffect::new(mailer, Arc::new(context), site)
}

async fn perform(effect: &MailEffect, kind: MailKind) -> Result<(), EffectError> {
    effect.perform(KEY, &serde_json::to_value(request(kind)).unwrap()).await
}

/// The mail that this kind makes for what the context knows.
async fn mail(kind: MailKind, context: Known) -> Mail {
    let outbox = Arc::new(Outbox::default());
    perform(&effect(Arc::clone(&outbox) as Arc<dyn Mailer>, context), kind).await.unwrap();
    let mail = outbox.mails.lock().unwrap().pop();
    mail.expect("a mail")
}
