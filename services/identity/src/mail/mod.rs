//! Mail: the port, its two adapters, and the effect that sends the verification link.

mod folder;
mod message;
mod smtp;
mod verification;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use kernel::Error;
use lettre::message::Mailbox;
use secrecy::SecretString;

use crate::error;

pub(crate) use verification::{KIND as VERIFY_EMAIL, Request as VerifyEmailRequest, VerifyEmailMail};

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
    /// One `.eml` file per mail, for development.
    Folder { dir: PathBuf },
}

/// A mail to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mail {
    /// The same when it is sent again after a crash: becomes the Message-ID and the file's name.
    pub(crate) id: String,
    /// When it was asked for.
    pub(crate) at: DateTime<Utc>,
    pub(crate) to: String,
    pub(crate) subject: &'static str,
    pub(crate) text: String,
    pub(crate) html: String,
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
pub(crate) fn mailer(options: &MailOptions) -> Result<Arc<dyn Mailer>, Error> {
    let from: Mailbox = options.from.parse().map_err(|error| {
        error::invalid_options(format!("MAIL_FROM {:?} is no mail address: {error}", options.from))
    })?;
    Ok(match &options.transport {
        MailTransport::Smtp { url } => Arc::new(smtp::SmtpMailer::new(url, from)?),
        MailTransport::Folder { dir } => Arc::new(folder::FolderMailer::new(dir.clone(), from)),
    })
}
