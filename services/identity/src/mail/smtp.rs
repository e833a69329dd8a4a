use std::time::Duration;

use async_trait::async_trait;
use kernel::Error;
use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};

use super::{Mail, MailError, Mailer, message};
use crate::error;

/// Below the 30 s that the effect worker waits.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Sends through an SMTP server.
#[derive(Debug)]
pub(super) struct SmtpMailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl SmtpMailer {
    pub(super) fn new(url: &SecretString, from: Mailbox) -> Result<Self, Error> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret())
            // The URL may hold a password: not quoted.
            .map_err(|_| error::invalid_options("SMTP_URL is no smtp:// or smtps:// URL".to_owned()))?
            .timeout(Some(TIMEOUT))
            .build();
        Ok(Self { transport, from })
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let message = message::message(mail, &self.from)?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            // The server's text may quote the recipient: the status is enough to act upon.
            Err(error) if error.is_permanent() => Err(MailError::Permanent(format!(
                "the mail server refused the mail for good{}",
                status(&error)
            ))),
            Err(error) => {
                Err(MailError::Temporary(format!("the mail server did not take the mail{}", status(&error))))
            }
        }
    }
}

fn status(error: &lettre::transport::smtp::Error) -> String {
    error.status().map(|code| format!(" ({code})")).unwrap_or_default()
}
