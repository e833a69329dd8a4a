//! Mail: the port with its three adapters, the texts, and the effect that sends them.
//!
//! A command [`enqueue`]s a [`MailRequest`], which holds no personal data and no token. When it is
//! due, [`MailEffect`] asks a [`MailContext`] for recipient and link, fills the templates and hands
//! the [`Mail`] to a [`Mailer`].

mod accounts;
mod context;
mod effect;
mod folder;
mod letter;
mod message;
mod request;
mod resend;
mod site;
mod smtp;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use kernel::Error;
use lettre::message::Mailbox;
use secrecy::SecretString;
use url::Url;

use crate::error;

pub(crate) use accounts::AccountMails;
pub(crate) use context::{MailContext, Recipient};
pub(crate) use effect::MailEffect;
pub(crate) use request::{MailKind, MailRequest, enqueue};
pub(crate) use site::Site;

/// Where mail goes and from whom.
#[derive(Debug, Clone)]
pub struct MailOptions {
    pub transport: MailTransport,
    /// `IntelliStack <no-reply@example.com>` or a bare address.
    pub from: String,
}

/// How mail leaves.
#[derive(Debug, Clone)]
pub enum MailTransport {
    /// `smtp://host:port`, `smtps://user:password@host`; `?tls=required` asks for STARTTLS.
    Smtp { url: SecretString },
    /// Resend's HTTP API at this base URL.
    Resend { api_key: SecretString, base_url: Url },
    /// One `.eml` file per mail, for development.
    Folder { dir: PathBuf },
}

/// A mail to be sent.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Mail {
    /// The same when it is sent again after a crash: becomes the Message-ID, the idempotency key and
    /// the file's name.
    pub(crate) id: String,
    /// When it was asked for.
    pub(crate) at: DateTime<Utc>,
    pub(crate) to: String,
    pub(crate) subject: &'static str,
    pub(crate) text: String,
    pub(crate) html: String,
}

/// Recipient and link stay out of logs.
impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("id", &self.id).field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// Why a mail did not leave; holds neither address nor link.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MailError {
    #[error("{0}")]
    Temporary(String),
    #[error("{0}")]
    Permanent(String),
}

/// Sends mail.
#[async_trait]
pub(crate) trait Mailer: fmt::Debug + Send + Sync {
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;
}

/// The adapter that the options ask for. Must be called within a Tokio runtime: the SMTP pool
/// looks after its connections by itself.
impl MailOptions {
    /// # Errors
    /// `INVALID_OPTIONS`.
    pub fn check(&self) -> Result<(), Error> {
        mailer(self).map(drop)
    }
}

pub(crate) fn mailer(options: &MailOptions) -> Result<Arc<dyn Mailer>, Error> {
    let from: Mailbox = options.from.parse().map_err(|error| {
        error::invalid_options(format!("MAIL_FROM {:?} is no mail address: {error}", options.from))
    })?;
    Ok(match &options.transport {
        MailTransport::Smtp { url } => Arc::new(smtp::SmtpMailer::new(url, from)?),
        MailTransport::Resend { api_key, base_url } => {
            Arc::new(resend::ResendMailer::new(api_key, base_url, from)?)
        }
        MailTransport::Folder { dir } => Arc::new(folder::FolderMailer::new(dir.clone(), from)),
    })
}
